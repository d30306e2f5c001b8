import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import type { Entry } from '../src/entry.ts'
import type { PolicyName } from '../src/eviction/index.ts'
import { memory } from '../src/memory.ts'
import { pressure } from '../src/pressure.ts'
import { entryOf, nearContract } from '../src/testing/near-contract.ts'

const policies: readonly PolicyName[] = ['lru', 'lfu', 'fifo', 'ttl', 'arc', 's3fifo', 'adaptive', 'auto']

for (const policy of policies) {
  describe(`memory, ${policy}`, () => {
    nearContract(() => memory({ policy, maxSize: '512kb', pressure: false, random: () => 0.5 }))

    it('never counts more than it may, and at least the bytes that it holds', () => {
      fc.assert(
        fc.property(
          fc.array(
            fc.record({ key: fc.string({ maxLength: 3 }), bytes: fc.nat(6000), isDeleted: fc.boolean() }),
            { maxLength: 80 },
          ),
          (commands) => {
            const tier = memory({
              policy,
              maxSize: '16kb',
              maxEntries: 9,
              pressure: false,
              random: () => 0.5,
            })
            for (const { key, bytes, isDeleted } of commands) {
              if (isDeleted) tier.delete(key)
              else tier.set(key, entryOf(new Uint8Array(bytes)))
              assert.ok(tier.bytes <= 16 * 1024)
              const kept = [...tier.entries()]
              assert.ok(kept.length <= 9)
              const held = kept.reduce(
                (sum, [, { value }]) => sum + (value instanceof Uint8Array ? value.length : 0),
                0,
              )
              assert.ok(held <= tier.bytes)
              assert.equal(tier.bytes === 0, kept.length === 0)
            }
          },
        ),
        { numRuns: 30 },
      )
    })

    it('finds those that are over, a few with each write, without being asked for them', async () => {
      const clock = new VirtualClock(0)
      const tier = memory({ policy, clock, maxSize: '8mb', pressure: false, random: () => 0.5 })
      const until = (time: number): Partial<Entry> => ({ createdAt: 0, freshUntil: time, staleUntil: time })
      for (let i = 0; i < 1000; i++) tier.set(`short ${i}`, entryOf(i, until(i % 2 === 0 ? 1000 : 1e9)))
      const before = tier.bytes
      await clock.advance(2000)
      for (let i = 0; i < 500; i++) tier.set('written', entryOf(i))
      assert.ok(tier.bytes < before * 0.55, `${tier.bytes} of ${before}`)
      assert.equal([...tier.entries()].length, 501)
    })
  })
}

describe('memory', () => {
  it('copies bytes that would keep something larger', () => {
    const tier = memory({ pressure: false })
    const large = new Uint8Array(1e6)
    tier.set('bytes', entryOf(large.subarray(0, 10)))
    tier.set('buffer', entryOf(Buffer.from(large.buffer, 10, 20)))
    tier.set('whole', entryOf(large))
    for (const [key, type, most] of [
      ['bytes', Uint8Array, 10],
      ['buffer', Buffer, 20],
    ] as const) {
      const value = tier.get(key)?.value
      assert.ok(value instanceof type)
      assert.equal(value.buffer.byteLength, most)
    }
    assert.equal(tier.get('whole')?.value, large)
  })

  it('does not keep a value whose size cannot be told, nor the one before it', () => {
    const sizeOf = (value: unknown): number => {
      if (value === 'throw') throw new Error('no size')
      return value === 'odd' ? Number.NaN : 10
    }
    const tier = memory({ sizeOf, pressure: false })
    for (const value of ['throw', 'odd']) {
      assert.ok(tier.set('a', entryOf('fine')))
      assert.equal(tier.set('a', entryOf(value)), false)
      assert.equal(tier.get('a'), undefined)
    }
    assert.equal(tier.bytes, 0)
  })

  it('does not tell of evicted entries that nobody could use', async () => {
    const clock = new VirtualClock(0)
    const tier = memory({ clock, maxEntries: 1, policy: 'fifo', pressure: false })
    const told: string[] = []
    const tell = (key: string): void => void told.push(key)
    tier.onEvicted = tell
    tier.set('a', entryOf(1, { createdAt: 0, freshUntil: 10, staleUntil: 10 }))
    await clock.advance(20)
    tier.set('b', entryOf(1))
    tier.set('c', entryOf(1))
    assert.deepEqual(told, ['b'])
  })

  it('says which bounds it expects', () => {
    for (const [maxSize, shown] of [
      ['64 litres', '"64 litres"'],
      [0, '0'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
    ] as const) {
      assert.throws(() => memory({ maxSize }), {
        name: 'RangeError',
        message: `memory({ maxSize }): expected a size such as "64mb" or 1048576 (bytes), got ${shown}`,
      })
    }
    assert.throws(() => memory({ maxEntries: 0.5 }), {
      name: 'RangeError',
      message: 'memory({ maxEntries }): expected a positive whole number, got 0.5',
    })
  })

  describe('when memory runs short', () => {
    const short = (relief: 'aggressive' | 'conservative' | 'adaptive') => {
      const clock = new VirtualClock(0)
      const system = { used: 10, limit: 1_000_000 }
      const watch = pressure({ clock, reader: { read: () => [{ ...system }] } })
      const tier = memory({ clock, watch, pressure: relief, sizeOf: () => 1000 })
      for (let i = 0; i < 100; i++) tier.set(`${i}`, entryOf(i))
      return { clock, system, tier }
    }

    for (const [relief, least, most] of [
      ['aggressive', 0.48, 0.5],
      ['conservative', 0.73, 0.75],
      ['adaptive', 0, 0.01],
    ] as const) {
      it(`gives back what ${relief} says, and lets nothing in until it is over`, async () => {
        const { clock, system, tier } = short(relief)
        await tier.start?.()
        const before = tier.bytes
        system.used = 900_000
        await clock.advance(1000)
        assert.ok(tier.bytes >= before * least && tier.bytes <= before * most, `${tier.bytes} of ${before}`)
        assert.equal(tier.set('new', entryOf(1)), false)
        system.used = 750_000
        await clock.advance(1000)
        assert.equal(tier.set('new', entryOf(1)), false)
        system.used = 600_000
        await clock.advance(1000)
        assert.ok(tier.set('new', entryOf(1)))
        await tier.stop?.()
        assert.equal(clock.pending, 0)
      })
    }

    it('frees no more than it takes', async () => {
      const { clock, system, tier } = short('adaptive')
      await tier.start?.()
      const before = tier.bytes
      system.limit = 100_000
      system.used = 90_000
      await clock.advance(1000)
      assert.ok(tier.bytes <= before - 20_000 && tier.bytes > before - 23_000, `${tier.bytes} of ${before}`)
      await tier.stop?.()
    })

    it('keeps no older value where a newer one is not let in', async () => {
      const { clock, system, tier } = short('conservative')
      await tier.start?.()
      system.used = 900_000
      await clock.advance(1000)
      assert.equal(tier.get('99')?.value, 99)
      assert.equal(tier.set('99', entryOf('newer', { createdAt: 2000 })), false)
      assert.equal(tier.get('99'), undefined)
      await tier.stop?.()
    })
  })
})
