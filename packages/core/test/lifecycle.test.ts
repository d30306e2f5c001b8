import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import {
  type Health,
  type Inject,
  millrace,
  type Plugin,
  reply,
  type Stage,
  trouble,
  UnmountedError,
} from '../src/index.ts'
import { probe } from './probe.ts'

interface Script {
  readonly start?: () => Promise<void>
  readonly stop?: () => Promise<void>
  readonly health?: () => Promise<Health>
}

/** Plugins that note when they are started and stopped. */
const scene = (scripts: Readonly<Record<string, Script>>, stages: Readonly<Record<string, Stage>> = {}) => {
  const log: string[] = []
  const plugins = Object.entries(scripts).map(
    ([name, { start, stop, health }]): Plugin => ({
      ...probe(name, stages[name]),
      start: async () => {
        log.push(`start ${name}`)
        await start?.()
      },
      stop: async () => {
        log.push(`stop ${name}`)
        await stop?.()
      },
      ...(health && { health }),
    }),
  )
  const clock = new VirtualClock()
  const routes = { '/**': Object.fromEntries(plugins.map(({ name }) => [name, true])) }
  return { log, clock, mill: millrace({ plugins, routes, clock }) }
}

const never = (): Promise<never> => new Promise(() => {})

describe('start', () => {
  it('starts the plugins one after the other, the outermost first', async () => {
    const gate = Promise.withResolvers<void>()
    const { log, mill } = scene({ inner: {}, outer: { start: () => gate.promise } }, { inner: 'protect' })
    const started = mill.start()
    await settled()
    assert.deepEqual(log, ['start outer'])
    gate.resolve()
    await started
    assert.deepEqual(log, ['start outer', 'start inner'])
  })

  it('starts once, however often it is called', async () => {
    const { log, mill } = scene({ a: {} })
    await Promise.all([mill.start(), mill.start()])
    await mill.start()
    assert.deepEqual(log, ['start a'])
  })

  it('rejects with the first error and stops again what had started', async () => {
    const broken = new Error('no connection')
    const { log, mill } = scene({
      a: {},
      b: { stop: () => Promise.reject(new Error('does not stop either')) },
      c: { start: () => Promise.reject(broken) },
      d: {},
    })
    await assert.rejects(mill.start(), broken)
    assert.deepEqual(log, ['start a', 'start b', 'start c', 'stop b', 'stop a'])
    await mill.stop()
    assert.deepEqual(log.slice(5), [])
  })

  it('can be tried again after stop', async () => {
    let broken = true
    const { log, mill } = scene({
      a: { start: () => (broken ? Promise.reject(new Error('not yet')) : Promise.resolve()) },
    })
    await assert.rejects(mill.start(), /not yet/)
    await assert.rejects(mill.start(), /not yet/)
    broken = false
    await mill.stop()
    await mill.start()
    assert.deepEqual(log, ['start a', 'start a'])
  })

  it('gives plugins a way to the app, wherever the adapters have said last that it is', async () => {
    const given: Inject[] = []
    const plugin: Plugin<'asks'> = {
      ...probe('asks'),
      start: async (inject) => void given.push(inject),
    }
    const mill = millrace({ plugins: [plugin], routes: { '/': { asks: true } } })
    await mill.start()
    const [inject] = given
    assert.ok(inject)
    const request = { url: '/', cause: {} }
    await assert.rejects(inject(request), UnmountedError)
    for (const status of [200, 201]) {
      mill.mounted(async ({ url }) => reply(status, {}, url))
      assert.equal((await inject(request)).status, status)
    }
  })

  it('says which plugin is switched on nowhere', async (t) => {
    const heard: string[] = []
    t.after(trouble.subscribe(({ code, message }) => heard.push(`${code} ${message}`)))
    const mill = millrace({
      plugins: [probe('on'), probe('off'), probe('idle')],
      routes: { '/': { on: true, off: false } },
    })
    const warned = once(process, 'warning')
    await mill.start()
    const [warning] = await warned
    assert.equal(warning.message, 'plugin "off" is installed but switched on nowhere')
    assert.equal(warning.name, 'MillraceWarning')
    assert.equal(warning.code, 'MILLRACE_UNUSED_PLUGIN')
    await mill.start()
    assert.deepEqual(heard, [
      'MILLRACE_UNUSED_PLUGIN plugin "off" is installed but switched on nowhere',
      'MILLRACE_UNUSED_PLUGIN plugin "idle" is installed but switched on nowhere',
    ])
  })
})

describe('stop', () => {
  it('stops what was started, the innermost first', async () => {
    const { log, mill } = scene({ a: {}, b: {}, c: {} })
    await mill.stop()
    assert.deepEqual(log, [])
    await mill.start()
    await Promise.all([mill.stop(), mill.stop()])
    assert.deepEqual(log, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
  })

  it('is done for everyone who asked when it is done', async () => {
    const gate = Promise.withResolvers<void>()
    const { mill } = scene({ a: { stop: () => gate.promise } })
    await mill.start()
    let done = 0
    for (const stopping of [mill.stop(), mill.stop()]) void stopping.then(() => done++)
    await settled()
    assert.equal(done, 0)
    gate.resolve()
    await settled()
    assert.equal(done, 2)
  })

  it('leaves one behind that takes longer than ten seconds', async () => {
    const { log, mill, clock } = scene({
      a: {},
      b: { stop: never },
      c: { stop: () => Promise.reject(new Error('broken')) },
    })
    await mill.start()
    const stopped = mill.stop()
    const told = assert.rejects(stopped, (error) => {
      assert.ok(error instanceof AggregateError)
      assert.deepEqual(error.errors.map(String), [
        'Error: broken',
        'DeadlineError: plugin "b" did not stop within 10s',
      ])
      return true
    })
    await clock.advance(9_999)
    assert.deepEqual(log.slice(3), ['stop c', 'stop b'])
    await clock.advance(1)
    await told
    assert.deepEqual(log.slice(3), ['stop c', 'stop b', 'stop a'])
    assert.equal(clock.pending, 0)
  })

  it('waits for a start that is under way', async () => {
    const gate = Promise.withResolvers<void>()
    const { log, mill } = scene({ a: { start: () => gate.promise } })
    const started = mill.start()
    const stopped = mill.stop()
    await settled()
    assert.deepEqual(log, ['start a'])
    gate.resolve()
    await Promise.all([started, stopped])
    assert.deepEqual(log, ['start a', 'stop a'])
  })

  it('is waited for by the next start', async () => {
    const gate = Promise.withResolvers<void>()
    const { log, mill } = scene({ a: { stop: () => gate.promise } })
    await mill.start()
    void mill.stop()
    const again = mill.start()
    await settled()
    assert.deepEqual(log, ['start a', 'stop a'])
    gate.resolve()
    await again
    assert.deepEqual(log, ['start a', 'stop a', 'start a'])
  })
})

describe('health', () => {
  const ok = async (): Promise<Health> => ({ status: 'ok' })
  const degraded = async (): Promise<Health> => ({ status: 'degraded', detail: 'no Redis' })
  const down = async (): Promise<Health> => ({ status: 'down' })

  it('is the worst of all', async () => {
    assert.deepEqual(await scene({}).mill.health(), { status: 'ok', plugins: {} })
    assert.deepEqual(await scene({ a: { health: ok }, b: {} }).mill.health(), {
      status: 'ok',
      plugins: { a: { status: 'ok' }, b: { status: 'ok' } },
    })
    const half = scene({ a: { health: ok }, b: { health: degraded } })
    assert.deepEqual(await half.mill.health(), {
      status: 'degraded',
      plugins: { a: { status: 'ok' }, b: { status: 'degraded', detail: 'no Redis' } },
    })
    assert.equal((await scene({ a: { health: down }, b: { health: degraded } }).mill.health()).status, 'down')
  })

  it('is down for one that throws or rejects', async () => {
    const { mill } = scene({
      a: {
        health: () => {
          throw new Error('at once')
        },
      },
      b: { health: () => Promise.reject(new Error('later')) },
    })
    assert.deepEqual((await mill.health()).plugins, {
      a: { status: 'down', detail: 'at once' },
      b: { status: 'down', detail: 'later' },
    })
  })

  it('is down for one that does not answer within a second, and asks all at the same time', async () => {
    const { mill, clock } = scene({ a: { health: never }, b: { health: never }, c: { health: ok } })
    const asked = mill.health()
    await clock.advance(999)
    assert.equal(clock.pending, 2)
    await clock.advance(1)
    assert.deepEqual(await asked, {
      status: 'down',
      plugins: {
        a: { status: 'down', detail: 'no answer within 1000 ms' },
        b: { status: 'down', detail: 'no answer within 1000 ms' },
        c: { status: 'ok' },
      },
    })
    assert.equal(clock.pending, 0)
  })
})

describe('plugins', () => {
  it('are those that are installed, in the order of their layers', () => {
    const [inner, outer] = [probe('inner', 'protect'), probe('outer')]
    assert.deepEqual(millrace({ plugins: [inner, outer] }).plugins, [outer, inner])
  })
})

describe('inspect', () => {
  it('shows what every plugin shows', () => {
    const plugins: Plugin[] = [{ ...probe('a'), inspect: () => ({ hits: 3 }) }, probe('b')]
    const mill = millrace({ plugins, routes: { '/a': { a: true }, 'GET /b': {} } })
    assert.deepEqual(mill.inspect(), {
      plugins: { a: { hits: 3 }, b: {} },
      routes: ['/a', 'GET /b'],
      calls: [],
      unused: ['b'],
    })
  })
})
