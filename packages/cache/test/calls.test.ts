import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigError, millrace } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import { adaptive, cache } from '../src/index.ts'

const scene = () => {
  const clock = new VirtualClock()
  return { clock, mill: millrace({ clock, plugins: [cache()] }) }
}

describe('a cache around a call', () => {
  it('runs the function once for all who ask, and again when its time is over', async () => {
    const { mill, clock } = scene()
    let runs = 0
    const square = mill.wrap('square', async (n: number) => n * n + 0 * ++runs, { cache: '1m' })
    assert.deepEqual(await Promise.all([square(3), square(3), square(4)]), [9, 9, 16])
    assert.equal(runs, 2)
    await clock.advance(60_001)
    await square(3)
    assert.equal(runs, 3)
  })

  it('keeps arguments apart that are not the same', async () => {
    const { mill } = scene()
    let runs = 0
    const count = mill.wrap('count', (..._: unknown[]) => ++runs, { cache: true })
    const calls: readonly (readonly unknown[])[] = [
      [],
      [undefined],
      [null],
      [[]],
      [1],
      ['1'],
      [1n],
      [true],
      ['a', 'b'],
      ['a,b'],
      [['a', 'b']],
      [{ a: 1 }],
      [{ a: '1' }],
      [{}],
      [new Date(0)],
    ]
    for (const [i, args] of calls.entries()) assert.equal(await count(...args), i + 1)
    for (const [i, args] of calls.entries()) assert.equal(await count(...args), i + 1)
  })

  it('says when arguments make no key, and takes one that is given', async () => {
    const { mill } = scene()
    class City {
      readonly id: number
      constructor(id: number) {
        this.id = id
      }
    }
    const plain = mill.wrap('city.plain', (city: City) => city.id, { cache: true })
    await assert.rejects(plain(new City(1)), /calls\["city\.plain"\]\.cache: the arguments make no key/)
    let runs = 0
    const keyed = mill.wrap('city.keyed', (city: City) => [city.id, ++runs], {
      cache: { key: (city) => city.id },
    })
    assert.deepEqual(
      [await keyed(new City(1)), await keyed(new City(1))],
      [
        [1, 1],
        [1, 1],
      ],
    )
  })

  it('goes on for the others when one gives up, and shares its error', async () => {
    const { mill } = scene()
    const gate = Promise.withResolvers<string>()
    let runs = 0
    const load = mill.wrap(
      'load',
      () => {
        runs++
        return gate.promise
      },
      { cache: true },
    )
    const all = [load(), load()]
    await settled()
    gate.reject(new Error('down'))
    for (const each of all) await assert.rejects(each, /down/)
    assert.equal(runs, 1)
  })

  it('serves what is stale when the function fails, and finds results by tags', async () => {
    const { mill, clock } = scene()
    let isDown = false
    const load = mill.wrap(
      'load',
      (id: number) => {
        if (isDown) throw new Error('down')
        return `city ${id}`
      },
      {
        cache: {
          ttl: adaptive({ min: '1m', max: '1h' }),
          staleIfError: '1h',
          tags: ['all', (id) => `city:${id}`],
        },
      },
    )
    await load(1)
    await load(2)
    isDown = true
    await clock.advance(60_001)
    assert.equal(await load(1), 'city 1')
    await mill.cache.purge({ tag: 'city:1' })
    await assert.rejects(load(1), /down/)
    assert.equal(await load(2), 'city 2')
  })

  it('has options of its own, and says which', () => {
    const { mill } = scene()
    assert.throws(
      () => mill.wrap('a', () => 1, { cache: { query: ['q'] } as never }),
      (error) =>
        error instanceof ConfigError &&
        /wrap\("a"\)\.cache\.query: unknown option.*\(options: ttl, .*key/.test(error.message),
    )
    assert.throws(
      () => mill.wrap('a', () => 1, { cache: { swr: 'soon' } }),
      /cache\.swr: expected a duration/,
    )
    assert.throws(() => mill.inline({ cache: { key: () => 'a' } as never }), /cache\.key: unknown option/)
  })
})
