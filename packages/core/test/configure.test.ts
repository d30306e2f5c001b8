import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fakeExchange, scriptedHandler, settled } from '@millrace/testing'
import { z } from 'zod'
import {
  type Call,
  ConfigError,
  definePlugin,
  type Exchange,
  millrace,
  type Plugin,
  type Reply,
  reply,
  type Stage,
} from '../src/index.ts'
import { checked, noting, probe } from './probe.ts'

const greeting = definePlugin({
  name: 'greeting',
  stage: 'shape',
  rule: z
    .strictObject({
      text: z.string().default('hello'),
      max: z.number().default(9),
      min: z.number().default(0),
    })
    .refine(({ min, max }) => min <= max, { error: 'expected min to be at most max' }),
  http:
    ({ text }) =>
    async (exchange, next) => {
      const answer = await next(exchange)
      answer.headers.append('greeting', text)
      return answer
    },
  call:
    ({ text }) =>
    (call, next) => {
      said.push(text)
      return next(call)
    },
})
const said: string[] = []

const greetingsOf = async (run: (exchange: Exchange) => Promise<Reply>): Promise<readonly string[]> =>
  (await run(fakeExchange())).headers.getAll('greeting')

describe('configure', () => {
  it('replaces the table for every request that begins after it', async () => {
    const mill = millrace({ plugins: [greeting], routes: { '/a': { greeting: { text: 'one' } } } })
    const before = mill.match('GET', '/a')
    const script = scriptedHandler<Exchange, Reply>()
    const running = before.run(fakeExchange({ handler: script.handler }))
    await settled()
    mill.configure({ routes: { '/a': { greeting: { text: 'two' } } } })
    assert.deepEqual(await greetingsOf(mill.match('GET', '/a').run), ['two'])
    script.calls[0]?.resolve(reply(200))
    assert.deepEqual((await running).headers.getAll('greeting'), ['one'])
  })

  it('changes nothing when there is a mistake anywhere', async () => {
    const mill = millrace({
      plugins: [greeting],
      routes: { '/a': { greeting: { text: 'one' } } },
      calls: { f: { greeting: { text: 'f one' } } },
    })
    const f = mill.wrap('f', () => 'done')
    const pipeline = mill.match('GET', '/a')
    const bad: readonly object[] = [
      { routes: { '/a': { greeting: { text: 'two' } }, '/b': { greeting: { text: 5 } } } },
      { routes: { '/a': { greeting: { text: 'two' } } }, calls: { f: { greeting: { texts: '' } } } },
      { routes: { '/**': { greeting: { max: 3 } }, '/a': { greeting: { min: 5 } } } },
      { routes: { a: {} } },
      { route: {} },
    ]
    for (const change of bad) assert.throws(() => Reflect.apply(mill.configure, mill, [change]), ConfigError)
    assert.equal(mill.match('GET', '/a'), pipeline)
    assert.deepEqual(mill.inspect().routes, ['/a'])
    said.length = 0
    assert.equal(await f(), 'done')
    assert.deepEqual(said, ['f one'])
  })

  it('leaves what it is not given', () => {
    const mill = millrace({
      plugins: [greeting],
      routes: { '/a': { greeting: true } },
      calls: { f: { greeting: true } },
    })
    mill.configure({ routes: { '/b': { greeting: true } } })
    assert.equal(mill.explainCall('f').layers.length, 1)
    assert.deepEqual(mill.explain('GET', '/a').patterns, [])
    mill.configure({ calls: {} })
    assert.equal(mill.explainCall('f').layers.length, 0)
    assert.deepEqual(mill.explain('GET', '/b').patterns, ['/b'])
    mill.configure({})
    assert.deepEqual(mill.explain('GET', '/b').patterns, ['/b'])
  })

  it('makes each layer once for each combination of rules, and none for a table with mistakes', () => {
    const made: string[] = []
    const counted = checked('counted', z.strictObject({ n: z.number().default(0) }), {
      http: ({ n }, site) => {
        made.push(`${site.name} ${n}`)
        return (exchange, next) => next(exchange)
      },
    })
    const routes = {
      '/**': { counted: true },
      '/a/:x': { counted: { n: 1 } },
      'GET /a/b': { counted: { n: 2 } },
    }
    const mill = millrace({ plugins: [counted], routes })
    assert.deepEqual(made.sort(), ['/** 0', '/a/:x 1', 'GET /a/b 2'])
    for (const path of ['/', '/a/1', '/a/b', '/a/b/c']) mill.match('GET', path)
    assert.equal(made.length, 3)
    assert.throws(
      () => mill.configure({ routes: { '/**': { counted: true }, '/b': { counted: { n: 'x' } } } }),
      ConfigError,
    )
    assert.equal(made.length, 3)
  })
})

describe('wrap', () => {
  it('passes arguments and result on, and the call as this', async () => {
    const mill = millrace({ plugins: [] })
    let seen: Call | undefined
    const add = mill.wrap('add', function (x: number, y: number) {
      seen = this
      return x + y
    })
    assert.equal(await add(1, 2), 3)
    assert.equal(seen?.name, 'add')
    assert.deepEqual(seen?.args, [1, 2])
    assert.equal(seen?.signal.aborted, false)
    assert.equal(seen?.signal, seen?.signal)
  })

  it('rejects with what the function throws, at once or later', async () => {
    const mill = millrace({ plugins: [] })
    const thrown = new Error('broken')
    const atOnce = mill.wrap('a', () => {
      throw thrown
    })
    const later = mill.wrap('b', () => Promise.reject(thrown))
    await assert.rejects(atOnce(), thrown)
    await assert.rejects(later(), thrown)
  })

  it('runs the layers in the order of the stages', async () => {
    const log: string[] = []
    const notes = (name: string, stage: Stage): Plugin => ({
      ...probe(name, stage),
      call: () => noting(log, name),
    })
    const mill = millrace({
      plugins: [notes('guard', 'protect'), notes('keeper', 'store'), notes('first', 'observe')],
      calls: { f: { first: true, guard: true, keeper: true } },
    })
    await mill.wrap('f', () => log.push('f'))()
    assert.deepEqual(log, ['> first', '> keeper', '> guard', 'f', '< guard', '< keeper', '< first'])
  })

  it('follows the table, a call that runs finishing as it began', async () => {
    const mill = millrace({ plugins: [greeting], calls: { 'a.*': { greeting: { text: 'one' } } } })
    const script = scriptedHandler<string, string>()
    const f = mill.wrap('a.f', script.handler)
    said.length = 0
    const running = f('x')
    await settled()
    mill.configure({ calls: { 'a.*': { greeting: { text: 'two' } } } })
    const next = f('y')
    await settled()
    script.calls[0]?.resolve('X')
    script.calls[1]?.resolve('Y')
    assert.deepEqual(await Promise.all([running, next]), ['X', 'Y'])
    assert.deepEqual(said, ['one', 'two'])
    mill.configure({ calls: {} })
    void f('z')
    await settled()
    assert.deepEqual(said, ['one', 'two'])
  })

  it('has its own rules checked with each new table, which is refused as a whole', async () => {
    const mill = millrace({
      plugins: [greeting],
      routes: { '/old': {} },
      calls: { f: { greeting: { text: 'one', max: 5 } } },
    })
    const f = mill.wrap('f', () => 'done', { greeting: { min: 4 } })
    const g = mill.wrap('g', () => 'done', { greeting: { min: 4 } })
    const change = { routes: { '/new': {} }, calls: { '*': { greeting: { text: 'two', max: 3 } } } }
    assert.throws(() => mill.configure(change), {
      message: [
        'wrap("f").greeting: expected min to be at most max, got {"text":"two","max":3,"min":4} (together with calls["*"])',
        'wrap("g").greeting: expected min to be at most max, got {"text":"two","max":3,"min":4} (together with calls["*"])',
      ].join('\n'),
    })
    assert.deepEqual(mill.inspect().routes, ['/old'])
    said.length = 0
    await f()
    await g()
    assert.deepEqual(said, ['one', 'hello'])
  })
})

describe('a pipeline', () => {
  it('runs the layers around the handler, the first outermost', async () => {
    const log: string[] = []
    const notes = (name: string, stage: Stage): Plugin => ({
      ...probe(name, stage),
      http: () => noting(log, name),
    })
    const mill = millrace({
      plugins: [notes('keeper', 'store'), notes('first', 'observe'), notes('second', 'observe')],
      routes: { '/a': { keeper: true, second: true, first: true } },
    })
    const handler = (): Reply => {
      log.push('handler')
      return reply(204)
    }
    const exchange = fakeExchange({ url: '/a', handler })
    assert.equal((await mill.match('GET', '/a').run(exchange)).status, 204)
    assert.deepEqual(log, ['> first', '> second', '> keeper', 'handler', '< keeper', '< second', '< first'])
  })

  it('is idle when nothing is switched on', () => {
    const mill = millrace({
      plugins: [greeting],
      routes: { '/a': { greeting: true }, '/b': { greeting: false } },
    })
    assert.equal(mill.match('GET', '/a').idle, false)
    assert.equal(mill.match('GET', '/b').idle, true)
    assert.equal(mill.match('GET', '/c').idle, true)
  })

  it('is labelled by the path of its most specific pattern', () => {
    const mill = millrace({ plugins: [], routes: { '/**': {}, 'GET,PUT /a/:x': {} } })
    assert.equal(mill.match('GET', '/a/1').route, '/a/:x')
    assert.equal(mill.match('POST', '/a/1').route, '/**')
    mill.configure({ routes: {} })
    assert.equal(mill.match('GET', '/a/1').route, 'unmatched')
  })
})
