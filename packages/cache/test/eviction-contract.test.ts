import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Leaving, type PolicyName, type Residents, residents } from '../src/eviction/index.ts'

const policies: readonly PolicyName[] = ['lru', 'lfu', 'fifo', 'ttl', 'arc', 's3fifo', 'adaptive', 'auto']

const key = fc.nat(30).map((n) => `k${n}`)
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key,
      weight: fc.integer({ min: 1, max: 45 }),
      expiresAt: fc.nat(100),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('peek' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('shrink' as const), weight: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
)
const bounds = fc.oneof(
  fc.record({ maxEntries: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ maxWeight: fc.integer({ min: 1, max: 120 }) }),
  fc.record({ maxEntries: fc.integer({ min: 1, max: 12 }), maxWeight: fc.integer({ min: 1, max: 120 }) }),
)

interface Value {
  readonly key: string
  readonly weight: number
}

for (const policy of policies) {
  describe(`residents with ${policy}`, () => {
    it('keeps what was set last or tells that it left, once, and never holds more than it may', () => {
      fc.assert(
        fc.property(
          bounds,
          fc.array(command, { maxLength: 250, size: 'max' }),
          fc.integer(),
          (bound, commands, seed) => {
            /** What has been set and was not told to have left. */
            const alive = new Map<string, Value>()
            let setting: Value | undefined
            const evicted = (key: string, value: Value, why: Leaving): void => {
              assert.equal(value.key, key)
              if (value === setting && why !== 'replaced') {
                // The new one itself, whether or not it had been let in before.
                setting = undefined
                return
              }
              assert.equal(alive.get(key), value, `${why} ${key} was not there`)
              assert.equal(why === 'replaced', key === setting?.key)
              alive.delete(key)
            }
            const kept = residents<Value>({ policy, seed, evicted, ...bound })
            for (const command of commands) {
              switch (command.do) {
                case 'set': {
                  const value = { key: command.key, weight: command.weight }
                  setting = value
                  const isKept = kept.set(command.key, value, command.weight, command.expiresAt)
                  assert.equal(isKept, setting === value)
                  if (isKept) alive.set(command.key, value)
                  setting = undefined
                  break
                }
                case 'get':
                case 'peek':
                  assert.equal(kept[command.do](command.key), alive.get(command.key))
                  break
                case 'delete':
                  assert.equal(kept.delete(command.key), alive.delete(command.key))
                  break
                case 'shrink':
                  kept.shrink(command.weight)
                  assert.ok(kept.weight <= command.weight)
                  break
                case 'clear':
                  kept.clear()
                  alive.clear()
              }
              const {
                maxEntries = Number.POSITIVE_INFINITY,
                maxWeight = Number.POSITIVE_INFINITY,
              }: {
                maxEntries?: number
                maxWeight?: number
              } = bound
              assert.ok(kept.count <= maxEntries && kept.weight <= maxWeight)
              assert.deepEqual(new Map(kept.entries()), alive)
              assert.equal(kept.count, alive.size)
              assert.equal(
                kept.weight,
                [...alive.values()].reduce((sum, { weight }) => sum + weight, 0),
              )
            }
          },
        ),
      )
    })

    it('refuses what is heavier than the bound, and evicts nothing for it', () => {
      const told: unknown[] = []
      const kept = residents<string>({
        policy,
        seed: 1,
        maxWeight: 100,
        evicted: (...left) => told.push(left),
      })
      for (const key of ['a', 'b', 'c']) kept.set(key, key, 30)
      assert.equal(kept.set('d', 'heavy', 101), false)
      assert.equal(kept.set('a', 'heavy', 101), false)
      assert.deepEqual(told, [
        ['d', 'heavy', 'refused'],
        ['a', 'a', 'replaced'],
        ['a', 'heavy', 'refused'],
      ])
      assert.deepEqual([...kept.entries()].sort(), [
        ['b', 'b'],
        ['c', 'c'],
      ])
    })

    it('is whole when it tells, so that whoever is told may use it', () => {
      let told = 0
      const kept: Residents<number> = residents<number>({
        policy,
        seed: 1,
        maxEntries: 10,
        evicted: (key) => {
          told++
          assert.ok(kept.count <= 10)
          if (told % 3 === 0 && told < 200) kept.set(key, told, 1)
          if (told % 5 === 0) kept.delete(`${told}`)
        },
      })
      for (let i = 0; i < 300; i++) {
        kept.set(`${i}`, i, 1)
        kept.get(`${i - 4}`)
      }
      assert.equal(kept.count, 10)
      assert.equal(kept.weight, 10)
      assert.ok(told > 290)
    })

    it('may be walked while it changes', () => {
      const kept = residents<number>({ policy, seed: 1, maxEntries: 50 })
      for (let i = 0; i < 50; i++) kept.set(`${i}`, i, 1)
      const met = new Set<string>()
      let steps = 0
      for (const [key] of kept.entries()) {
        met.add(key)
        kept.get(key)
        kept.delete(`${Number(key) + 1}`)
        if (steps++ < 10) kept.set(`new ${steps}`, 0, 1)
        assert.ok(steps < 200)
      }
      for (const [key] of kept.entries()) assert.ok(met.has(key) || key.startsWith('new'))
    })

    it('does not let what it remembers grow beyond what it keeps', () => {
      const kept = residents<true>({ policy, seed: 1, maxWeight: 1_000_000 })
      for (let i = 0; i < 100_000; i++) {
        kept.set(`${i}`, true, 500 + (i % 1000))
        kept.get(`${i - (i % 300)}`)
      }
      const { count, metadataBytes } = kept.inspect()
      assert.ok(
        metadataBytes <= count * 300 + 600_000 * Number(policy === 'auto'),
        `${metadataBytes} for ${count}`,
      )
    })

    it('keeps everything while there is room', () => {
      const kept = residents<number>({ policy, seed: 1, maxEntries: 1000 })
      for (let i = 0; i < 1000; i++) assert.ok(kept.set(`${i}`, i, 1))
      for (let i = 0; i < 1000; i++) assert.equal(kept.get(`${i}`), i)
    })

    it('says which weights and bounds it expects', () => {
      const kept = residents<true>({ policy, seed: 1, maxEntries: 10 })
      for (const weight of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => kept.set('a', true, weight), {
          name: 'RangeError',
          message: `weight: expected a positive whole number, got ${weight}`,
        })
      }
      assert.equal(kept.count, 0)
      assert.throws(() => residents({ policy, seed: 1, maxEntries: 0 }), {
        message: 'residents({ maxEntries }): expected a positive whole number, got 0',
      })
      assert.throws(() => residents({ policy, seed: 1 }), {
        message: 'residents({ maxEntries, maxWeight }): expected at least one of them',
      })
    })
  })
}
