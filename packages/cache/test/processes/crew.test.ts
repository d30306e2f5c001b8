import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { Line, Server, skip } from '../redis/server.ts'
import { type Hand, withCrew } from './crew.ts'
import { swr } from './orders.ts'

const keys = ['a', 'b', 'c']
/** A life that ends within a run, in milliseconds. */
const shortLife = 150
const short = `${shortLife}ms`
/** A process may not get its turn between the beginning of its value and of its life. */
const slack = 500

interface Held {
  readonly value: string
  readonly tag: string
  readonly short: boolean
}

interface Done {
  readonly what: string
  readonly key?: string
  readonly tag?: string
  readonly ttl?: string
}

/** What all of them should know when everything has been heard, and how long each value may be served. */
class Model {
  readonly #held = new Map<string, Held>()
  readonly #ends = new Map<string, number>()

  /** @param loaded whether a load ran for it */
  does({ what, key = '', tag = '', ttl = '' }: Done, value: string, loaded: boolean): void {
    if (what === 'set' || (what === 'load' && loaded)) {
      this.#held.set(key, { value, tag, short: ttl === short })
      this.#ends.set(value, ttl === short ? Date.now() + shortLife : Number.POSITIVE_INFINITY)
    } else if (what === 'delete') this.#held.delete(key)
    else if (what === 'clear') this.#held.clear()
    else if (what === 'deleteTag')
      for (const [name, { tag: own }] of this.#held) if (own === tag) this.#held.delete(name)
  }

  /** Whoever answers, fault or not: no value lives longer than it was given. */
  check({ what }: Done, asked: number, answer: unknown): void {
    const grace = what === 'load' ? parseInt(swr, 10) : 0
    for (const value of Array.isArray(answer) ? answer : [answer]) {
      const end = this.#ends.get(String(value)) ?? Number.POSITIVE_INFINITY
      assert.ok(asked <= end + grace + slack, `${value} was served ${asked - end} ms after its end`)
    }
  }

  allows(values: readonly unknown[], harmed: boolean): boolean {
    return keys.every((key, index) => {
      const held = this.#held.get(key)
      const value = values[index]
      return value === undefined || value === null
        ? held === undefined || held.short || harmed
        : value === held?.value
    })
  }

  toString(): string {
    return JSON.stringify([...this.#held])
  }
}

/** What several processes write is told apart by their clocks, and those tell milliseconds. */
const nextMillisecond = async (): Promise<void> => {
  const now = Date.now()
  while (Date.now() <= now) await new Promise(setImmediate)
}

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
    withCrew(
      Array(4).fill(server.url),
      async (crew) => {
        const answers = await Promise.all(
          crew.map((hand, i) =>
            hand.tell({ what: 'load', key: 'a', value: `of ${i}`, times: 250, takes: 200 }),
          ),
        )
        assert.equal(await loadsOf(crew), 1)
        assert.deepEqual(new Set(answers.flat()).size, 1)
      },
      '2s',
    ))

  test('when the one who loads is killed, another one does', () =>
    withCrew(
      Array(4).fill(server.url),
      async (crew) => {
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
      },
      '2s',
    ))

  const key = fc.constantFrom('a', 'b', 'c')
  const ttl = fc.constantFrom('10m', '10m', short)
  const what = <T extends string>(one: T): fc.Arbitrary<T> => fc.constant(one)
  const step = fc.record({
    hand: fc.nat(2),
    order: fc.oneof(
      { weight: 4, arbitrary: fc.record({ what: what('set'), key, ttl, tag: fc.constantFrom('', 't') }) },
      { weight: 3, arbitrary: fc.record({ what: what('load'), key, ttl }) },
      { weight: 2, arbitrary: fc.record({ what: what('delete'), key }) },
      { weight: 1, arbitrary: fc.record({ what: what('deleteTag'), tag: fc.constant('t') }) },
      { weight: 1, arbitrary: fc.record({ what: what('clear') }) },
      { weight: 3, arbitrary: fc.record({ what: what('get'), key }) },
    ),
  })
  /** From one step to another, or to the end. */
  const fault = fc.record({
    what: fc.constantFrom('none', 'killed', 'paused', 'cut off', 'cut off and killed'),
    from: fc.nat(5),
    to: fc.nat(12),
    /** Who is cut off. */
    hands: fc.subarray([0, 1, 2], { minLength: 1, maxLength: 2 }),
  })

  test('agree after any writes and faults, and serve nothing that is older than was declared', async () => {
    const lines = await Promise.all([0, 1, 2].map(() => Line.to(server)))
    const harm = async ({ what, hands }: { what: string; hands: readonly number[] }): Promise<void> => {
      if (what === 'paused') server.pause()
      if (what.startsWith('cut off')) for (const hand of hands) lines[hand]?.cut()
      if (what.endsWith('killed')) await server.kill()
    }
    const heal = async (what: string): Promise<void> => {
      if (what === 'paused') server.resume()
      if (what.endsWith('killed')) await server.start()
      for (const line of lines) line.mend()
    }
    try {
      await withCrew(
        lines.map(({ url }) => url),
        async (crew) => {
          const run = fc.asyncProperty(
            fc.array(step, { minLength: 1, maxLength: 12 }),
            fault,
            async (steps, { what, from, to, hands }) => {
              const model = new Model()
              let harmed = false
              let mended = false
              const mend = async (): Promise<void> => {
                if (!mended) await heal(what)
                mended = true
              }
              for (const hand of crew) await hand.tell({ what: 'clear' })
              await nextMillisecond()
              // So that all of them have something to be wrong about.
              for (const key of keys) {
                await crew[0]?.tell({ what: 'set', key, value: 'first' })
                model.does({ what: 'set', key }, 'first', false)
              }
              // Twice, as a notice that comes after the first takes it away again.
              for (const key of [...keys, ...keys])
                for (const hand of crew) await hand.tell({ what: 'get', key })
              for (const [i, { hand, order }] of steps.entries()) {
                if (i === from && what !== 'none') {
                  harmed = true
                  await harm({ what, hands })
                }
                await nextMillisecond()
                const asked = Date.now()
                let loaded = false
                const told = crew[hand] ?? assert.fail()
                told.onLoading = () => {
                  loaded = true
                }
                const answer = await told.tell({ ...order, value: `v${i}` })
                model.check(order, asked, answer)
                model.does(order, `v${i}`, loaded)
                if (harmed && i === to) await mend()
              }
              if (harmed) await mend()
              const read = (hand: Hand): Promise<unknown[]> =>
                Promise.all(keys.map((key) => hand.tell({ what: 'get', key })))
              const until = Date.now() + 15_000
              for (;;) {
                const healed = await Promise.all(crew.map((hand) => hand.tell({ what: 'isHealed' })))
                const asked = Date.now()
                const all = await Promise.all(crew.map(read))
                for (const values of all)
                  for (const value of values) model.check({ what: 'get' }, asked, value)
                const [first = []] = all
                const agree = all.every((values) => isDeepStrictEqual(values, first))
                // What a Redis has lost, or what may have been overtaken unheard, nobody serves.
                if (!healed.includes(false) && agree && model.allows(first, harmed)) break
                assert.ok(Date.now() < until, `${JSON.stringify(all)} is not ${model}`)
              }
            },
          )
          await fc.assert(run, {
            numRuns: Number(process.env['MILLRACE_RUNS'] ?? 1) * 15,
            seed: 5,
            endOnFailure: true,
          })
        },
      )
    } finally {
      for (const line of lines) await line.stop()
    }
  })
})
