import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CacheRule, cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import { hosts, type Said, type Sight, serve } from './hosts.ts'
import { type Answer, send } from './raw.ts'

/** What a handler does from now on, each run with its number. */
type Mood = (run: number, sight: Sight) => Said | Promise<Said>

const well: Mood = (run) => ({ text: `run ${run}`, fields: { ETag: `"${run}"` } })

const failures: Readonly<Record<string, Mood>> = {
  throws: () => ({ text: 'broken', isThrown: true }),
  'answers 503': () => ({ text: 'down', status: 503 }),
  'answers 500 and no-store': () => ({ text: 'down', status: 500, fields: { 'Cache-Control': 'no-store' } }),
  'answers 502 and sets a cookie': () => ({ text: 'down', status: 502, fields: { 'Set-Cookie': 'a=1' } }),
  'answers 503 in a stream': () => ({ text: 'down', status: 503, isStream: true }),
}

/** When it is so. Time stands still meanwhile. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise(setImmediate)
}

const served = async (name: 'Express' | 'Koa', rule: CacheRule | true) => {
  const clock = new VirtualClock()
  const plugin = cache()
  const mill = millrace({ plugins: [plugin], routes: { '/**': { cache: rule } }, clock })
  let mood = well
  let runs = 0
  let running = 0
  const app = hosts[name](mill, async (sight) => {
    running++
    try {
      return await mood(++runs, sight)
    } finally {
      running--
    }
  })
  const { port, close } = await serve(app)
  const ask = (): Promise<Answer> => send(port, { target: '/a', fields: [['Host', 'a.test']] })
  return {
    clock,
    plugin,
    ask,
    /** Body, `Age`, and what `Cache-Status` says behind the name. */
    tell: async () => summary(await ask()),
    become: (next: Mood): void => {
      mood = next
    },
    runs: () => runs,
    /** When so many runs have ended, and what they brought is in its place. */
    done: async (count: number): Promise<void> => {
      await until(() => runs === count && running === 0)
      for (let i = 0; i < 50; i++) await new Promise(setImmediate)
      assert.equal(runs, count)
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await mill.stop()
      await close()
    },
  }
}

const summary = (answer: Answer): string =>
  [
    answer.status,
    answer.body,
    answer.field('age'),
    answer.field('cache-status')?.replace('Millrace; ', ''),
  ].join(' | ')

type Scene = Awaited<ReturnType<typeof served>>

/** From now on the handler waits until this is resolved. */
const gated = (scene: Scene): PromiseWithResolvers<void> => {
  const gate = Promise.withResolvers<void>()
  scene.become(async (run, sight) => {
    await gate.promise
    return well(run, sight)
  })
  return gate
}

/** Five who ask when what is kept is over, while the handler waits. */
const held = async (
  scene: Scene,
): Promise<{ readonly gate: PromiseWithResolvers<void>; readonly asked: Promise<string>[] }> => {
  const gate = gated(scene)
  await scene.clock.advance(12_000)
  const asked = Array.from({ length: 5 }, scene.tell)
  await until(() => scene.runs() === 2 && scene.clock.pending === 6)
  return { gate, asked }
}

const rule = { ttl: '10s', errorThrottle: '5s', softTimeout: '2s' } as const

for (const name of ['Express', 'Koa'] as const) {
  describe(`what is not fresh any more, on ${name}`, () => {
    it('is served at once while it is brought anew, once however many ask', async () => {
      await using scene = await served(name, { ...rule, swr: '20s' })
      assert.equal(await scene.tell(), '200 | run 1 |  | fwd=uri-miss; stored')
      await scene.clock.advance(9999)
      assert.equal(await scene.tell(), '200 | run 1 | 9 | hit; ttl=1')
      await scene.clock.advance(2001)
      const gate = gated(scene)
      const answers = await Promise.all(Array.from({ length: 20 }, scene.tell))
      assert.deepEqual(
        new Set(answers),
        new Set(['200 | run 1 | 12 | hit; ttl=-2; detail=stale-while-revalidate']),
      )
      await until(() => scene.runs() === 2)
      gate.resolve()
      await scene.done(2)
      assert.equal(await scene.tell(), '200 | run 2 | 0 | hit; ttl=10')
    })

    it('is only confirmed when the handler says that it is still right', async () => {
      await using scene = await served(name, { ...rule, swr: '20s' })
      await scene.ask()
      let asked: unknown
      scene.become((_, { headers }) => {
        asked = headers['if-none-match']
        return { text: '', status: 304, fields: { ETag: '"1"', 'X-New': '1' } }
      })
      await scene.clock.advance(15_000)
      await scene.ask()
      await scene.done(2)
      assert.equal(asked, '"1"')
      const answer = await scene.ask()
      assert.equal(summary(answer), '200 | run 1 | 0 | hit; ttl=10')
      assert.equal(answer.field('x-new'), '1')
    })

    it('is gone after its window', async () => {
      await using scene = await served(name, { ...rule, swr: '20s' })
      await scene.ask()
      await scene.clock.advance(30_000)
      assert.match(
        await scene.tell(),
        /^200 \| run 2 \| 0? ?\| fwd=stale; fwd-status=200; (?:ttl=10; )?stored/,
      )
      scene.become(() => ({ text: 'down', status: 503 }))
      await scene.clock.advance(30_000)
      assert.match(await scene.tell(), /^503 \| down \| /)
    })

    for (const [what, mood] of Object.entries(failures)) {
      it(`stays while it is brought anew by a handler that ${what}, which is left alone for a while`, async () => {
        await using scene = await served(name, { ...rule, swr: '20s' })
        await scene.ask()
        scene.become(mood)
        await scene.clock.advance(11_000)
        for (let i = 0; i < 3; i++) {
          assert.equal(await scene.tell(), '200 | run 1 | 11 | hit; ttl=-1; detail=stale-while-revalidate')
          await scene.done(2)
        }
        await scene.clock.advance(5000)
        assert.equal(await scene.tell(), '200 | run 1 | 16 | hit; ttl=-6; detail=stale-while-revalidate')
        await scene.done(3)
        scene.become(well)
        await scene.clock.advance(5000)
        await scene.ask()
        await scene.done(4)
        assert.equal(await scene.tell(), '200 | run 4 | 0 | hit; ttl=10')
      })

      it(`is served when the handler ${what}, within its time`, async () => {
        await using scene = await served(name, { ...rule, staleIfError: '60s' })
        await scene.ask()
        scene.become(mood)
        await scene.clock.advance(12_000)
        const answers = await Promise.all(Array.from({ length: 10 }, scene.tell))
        for (const answer of answers) {
          assert.match(
            answer,
            /^200 \| run 1 \| 12 \| fwd=stale; (?:fwd-status=50\d; )?ttl=-2; detail=(?:stale-if-error|error-throttle)$/,
          )
        }
        assert.equal(scene.runs(), 2)
        assert.equal(await scene.tell(), '200 | run 1 | 12 | fwd=stale; ttl=-2; detail=error-throttle')
        assert.equal(scene.runs(), 2)
        await scene.clock.advance(5000)
        assert.match(await scene.tell(), /^200 \| run 1 \| 17 \| /)
        await scene.done(3)
        scene.become(well)
        await scene.clock.advance(5000)
        assert.match(
          await scene.tell(),
          /^200 \| run 4 \| 0 \| fwd=stale; fwd-status=200; (?:ttl=10; )?stored/,
        )
        scene.become(mood)
        await scene.clock.advance(70_000)
        assert.match(await scene.tell(), /^50\d \| (?:down|broken) \| /)
      })
    }

    it('is served when the handler hangs, and what that brings late is kept', async () => {
      await using scene = await served(name, { ...rule, staleIfError: '60s' })
      await scene.ask()
      const { gate, asked } = await held(scene)
      await scene.clock.advance(2000)
      assert.deepEqual(
        new Set(await Promise.all(asked)),
        new Set(['200 | run 1 | 14 | fwd=stale; ttl=-4; detail=soft-timeout']),
      )
      gate.resolve()
      await scene.done(2)
      assert.match(await scene.tell(), /^200 \| run 2 \| 2 \| hit; ttl=8$|^200 \| run 2 \| 0 \| hit; ttl=10$/)
      assert.equal(scene.runs(), 2)
    })

    it('is waited for when the handler is slow, but not too slow', async () => {
      await using scene = await served(name, { ...rule, staleIfError: '60s' })
      await scene.ask()
      const { gate, asked } = await held(scene)
      await scene.clock.advance(1999)
      gate.resolve()
      for (const answer of await Promise.all(asked)) assert.match(answer, /^200 \| run 2 \| 0 \| fwd=stale/)
      assert.equal(scene.runs(), 2)
    })

    it('is what the handler allows, where the rule says nothing', async () => {
      await using scene = await served(name, true)
      scene.become((run) => ({
        text: `run ${run}`,
        fields: { 'Cache-Control': 'max-age=10, stale-while-revalidate=10, stale-if-error=60' },
      }))
      await scene.ask()
      await scene.clock.advance(25_000)
      scene.become(() => ({ text: 'down', status: 503 }))
      assert.match(
        await scene.tell(),
        /^200 \| run 1 \| 25 \| fwd=stale; fwd-status=503; ttl=-15; detail=stale-if-error$/,
      )
      await scene.clock.advance(60_000)
      assert.match(await scene.tell(), /^503/)
    })

    it('is not served where the handler forbids it', async () => {
      for (const word of ['must-revalidate', 'proxy-revalidate', 'no-cache']) {
        await using scene = await served(name, true)
        scene.become((run) => ({
          text: `run ${run}`,
          fields: {
            ETag: '"1"',
            'Cache-Control': `max-age=10, stale-while-revalidate=60, stale-if-error=60, ${word}`,
          },
        }))
        await scene.ask()
        await scene.clock.advance(12_000)
        scene.become(() => ({ text: 'down', status: 503 }))
        assert.match(await scene.tell(), /^503/, word)
      }
    })

    it('and was purged softly is served only when the handler fails', async () => {
      await using scene = await served(name, { ...rule, swr: '20s', staleIfError: '60s' })
      await scene.ask()
      await scene.plugin.controls.purge({ url: '/a' }, { soft: true })
      scene.become(() => ({ text: 'down', status: 503 }))
      assert.match(
        await scene.tell(),
        /^200 \| run 1 \| 0 \| fwd=stale; fwd-status=503; .*detail=stale-if-error$/,
      )
      await scene.clock.advance(5000)
      scene.become(well)
      assert.match(await scene.tell(), /^200 \| run 3 \| 0 \| fwd=stale; fwd-status=200; (?:ttl=10; )?stored/)
      await scene.plugin.controls.purge({ url: '/a' })
      scene.become(() => ({ text: 'down', status: 503 }))
      assert.match(await scene.tell(), /^503/)
    })
  })
}
