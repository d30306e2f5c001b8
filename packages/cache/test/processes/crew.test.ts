import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Server, skip } from '../redis/server.ts'
import { type Hand, withCrew } from './crew.ts'

describe('several processes over one Redis', { skip }, () => {
  let server: Server
  before(async () => {
    server = await Server.start()
  })
  after(() => server.stop())

  const loadsOf = async (crew: readonly Hand[]): Promise<number> => {
    const loads = await Promise.all(crew.map((hand) => hand.tell({ what: 'loads' })))
    return loads.reduce<number>((sum, each) => sum + Number(each), 0)
  }

  test('1,000 who ask at once in 4 processes run one load', () =>
    withCrew(4, server.url, async (crew) => {
      const answers = await Promise.all(
        crew.map((hand, i) =>
          hand.tell({ what: 'load', key: 'a', value: `of ${i}`, times: 250, takes: 200 }),
        ),
      )
      assert.equal(await loadsOf(crew), 1)
      assert.deepEqual(new Set(answers.flat()).size, 1)
    }))

  test('when the one who loads is killed, another one does', () =>
    withCrew(4, server.url, async (crew) => {
      let loading = 0
      for (const hand of crew) {
        hand.onLoading = () => {
          loading++
          if (loading === 1) hand.kill()
        }
      }
      const answers = await Promise.allSettled(
        crew.map((hand) => hand.tell({ what: 'load', key: 'a', value: 'x', times: 250, takes: 200 })),
      )
      assert.equal(loading, 2)
      const kept = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      assert.deepEqual(kept, [['x'], ['x'], ['x']])
    }))

  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.record({
    hand: fc.nat(2),
    order: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ what: fc.constant('set' as const), key, tag: fc.constantFrom('', 't') }),
      },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('delete' as const), key }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('deleteTag' as const), tag: fc.constant('t') }) },
      { weight: 1, arbitrary: fc.constant({ what: 'clear' as const }) },
      { weight: 4, arbitrary: fc.record({ what: fc.constant('get' as const), key }) },
    ),
  })

  /** What all of them should know when everything has been heard. */
  const model = (steps: readonly { readonly order: { what: string; key?: string; tag?: string } }[]) => {
    const values = new Map<string, { readonly value: string; readonly tag: string }>()
    steps.forEach(({ order: { what, key = '', tag = '' } }, i) => {
      if (what === 'set') values.set(key, { value: `v${i}`, tag })
      else if (what === 'delete') values.delete(key)
      else if (what === 'clear') values.clear()
      else if (what === 'deleteTag')
        for (const [name, { tag: own }] of values) if (own === tag) values.delete(name)
    })
    return ['a', 'b', 'c'].map((name) => values.get(name)?.value)
  }

  test('agree after any writes, also with the Redis gone for some of them', () =>
    withCrew(3, server.url, async (crew) => {
      const read = (hand: Hand): Promise<unknown[]> =>
        Promise.all(['a', 'b', 'c'].map((key) => hand.tell({ what: 'get', key })))
      const run = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.option(fc.nat(11), { freq: 3, nil: undefined }),
        async (steps, gone) => {
          for (const hand of crew) await hand.tell({ what: 'clear' })
          for (const [i, { hand, order }] of steps.entries()) {
            if (i === gone) await server.kill()
            await crew[hand]?.tell({ ...order, value: `v${i}` })
          }
          const lost = gone !== undefined && gone < steps.length
          if (lost) await server.start()
          const expected = model(steps)
          const until = Date.now() + 15_000
          for (;;) {
            const all = await Promise.all(crew.map(read))
            // A Redis that came back empty may have lost values, but nobody serves one that is too old.
            const agree = all.every((values) =>
              values.every((value, k) => value === expected[k] || (lost && value === undefined)),
            )
            if (agree) break
            assert.ok(Date.now() < until, `${JSON.stringify(all)} is not ${JSON.stringify(expected)}`)
          }
        },
      )
      await fc.assert(run, { numRuns: Number(process.env['MILLRACE_RUNS'] ?? 1) * 15, seed: 5 })
    }))
})
