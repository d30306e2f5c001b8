import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { handOut, Kept } from '../../src/engine/kept.ts'
import { defaults, type Resolved } from '../../src/engine/options.ts'
import { type Entry, plainEntry } from '../../src/entry.ts'

const never = Number.POSITIVE_INFINITY
/** Times as clocks and stamps give them: milliseconds, and some of their 1024 parts. */
const time = fc
  .tuple(fc.integer({ min: 0, max: 2_000_000_000_000 }), fc.nat(1023))
  .map(([whole, parts]) => whole + parts / 1024)
const duration = fc.oneof(
  fc.constantFrom(0, 1, 1000, 3_600_000, 25 * 86_400_000, 400 * 86_400_000, never),
  fc.nat(1e9).map((parts) => parts / 1024),
)
const entry: fc.Arbitrary<Entry> = fc
  .record({
    value: fc.constantFrom(undefined, null, 0, 'text'),
    createdAt: time,
    life: fc.option(duration, { nil: undefined }),
    delay: fc.nat(1000),
    grace: duration,
    soft: fc.boolean(),
    tags: fc.constantFrom(undefined, ['a'], ['b', 'c']),
    validator: fc.constantFrom(undefined, '"v1"', '"v2"'),
    cost: fc.option(
      fc.nat(1e12).map((microseconds) => microseconds / 1000),
      { nil: undefined },
    ),
  })
  .map(({ delay, grace, soft, life, ...rest }) => {
    const freshUntil = rest.createdAt + delay + (life ?? 1000)
    return { ...rest, life, freshUntil: soft ? 0 : freshUntil, staleUntil: freshUntil + grace }
  })
const options = fc.record({ eager: fc.constantFrom(0, 0.5, 0.9, 1, never), sliding: fc.boolean() })

test('what is kept says the same as the entry, whatever others with the same options are like', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), options, (entries, { eager, sliding }) => {
      const resolved: Resolved = { ...defaults, eager, sliding }
      const all = entries.map((each, count) => new Kept(each, resolved, count))
      for (const [at, each] of entries.entries()) {
        const kept = all[at]
        assert.ok(kept)
        assert.deepEqual(plainEntry(kept), plainEntry(each))
        assert.equal(handOut(kept), each.value)
        assert.equal(kept.checked, at)
        const life = each.life ?? each.freshUntil - each.createdAt
        const eagerAt = eager > 1 || each.freshUntil === never ? never : each.freshUntil - life * (1 - eager)
        assert.equal(kept.eagerAt, eagerAt)
        const isWatched = sliding || each.tags !== undefined
        assert.equal(kept.plainUntil, isWatched ? 0 : Math.min(each.freshUntil, eagerAt))
      }
    }),
  )
})

test('an end of its own makes no other entry stay longer', () => {
  const made = { value: 1, createdAt: 5, freshUntil: 1005, staleUntil: 3005, life: 1000 }
  const nearer = new Kept(made, defaults, 0, 105)
  const whole = new Kept(made, defaults, 0)
  assert.deepEqual([nearer.freshUntil, nearer.staleUntil], [105, 3005])
  assert.deepEqual([whole.freshUntil, whole.staleUntil], [1005, 3005])
  const softened = new Kept(whole, defaults, 0, 0)
  assert.deepEqual([softened.freshUntil, softened.staleUntil, softened.life], [0, 3005, 1000])
})
