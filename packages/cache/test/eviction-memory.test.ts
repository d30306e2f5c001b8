import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Ghosts, none } from '../src/eviction/ghosts.ts'
import { mix, seededHash } from '../src/eviction/hash.ts'
import { mostUses, Sketch } from '../src/eviction/sketch.ts'

describe('ghosts', () => {
  it('are the latest, within the limits', () => {
    // Few low bits, so that searches run into each other.
    const hash = fc.nat(12).chain((low) => fc.constantFrom(0, 128, 256).map((high) => low + high))
    const command = fc.oneof(
      { weight: 5, arbitrary: fc.record({ add: hash, cost: fc.integer({ min: 1, max: 9 }) }) },
      { weight: 1, arbitrary: fc.record({ forget: hash }) },
      { weight: 1, arbitrary: fc.constant('oldest' as const) },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 300 }),
        fc.integer({ min: 1, max: 100 }),
        fc.array(command, { maxLength: 400, size: 'max' }),
        (limit, atMost, commands) => {
          const ghosts = new Ghosts<never>(limit)
          const model = new Map<number, { cost: number; since: number }>()
          let passed = 0
          const sum = (): number => [...model.values()].reduce((total, { cost }) => total + cost, 0)
          const forgetFirst = (): void => {
            for (const first of [...model.keys()].slice(0, 1)) model.delete(first)
          }
          for (const command of commands) {
            if (command === 'oldest') {
              ghosts.forgetOldest()
              forgetFirst()
            } else if ('forget' in command) {
              assert.equal(ghosts.forget(command.forget), model.delete(command.forget))
            } else {
              const { add, cost } = command
              ghosts.add(add, cost, atMost)
              model.delete(add)
              if (cost <= limit) {
                while (model.size > 0 && (sum() + cost > limit || model.size >= atMost)) forgetFirst()
                model.set(add, { cost, since: passed })
                passed += cost
              }
            }
            assert.equal(ghosts.count, model.size)
            assert.equal(ghosts.cost, sum())
            for (let low = 0; low <= 12; low++) {
              for (const each of [low, low + 128, low + 256]) {
                const place = ghosts.find(each)
                const expected = model.get(each)
                assert.equal(place === none, expected === undefined)
                if (expected) assert.equal(ghosts.depth(place), passed - expected.since)
              }
            }
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  it('take no more room than a few times their number', () => {
    const ghosts = new Ghosts<never>(1000)
    for (let i = 0; i < 100_000; i++) ghosts.add(mix(i), 1, 1000)
    assert.equal(ghosts.count, 1000)
    assert.ok(ghosts.metadataBytes < 100_000)
  })
})

describe('the sketch', () => {
  it('never says too little', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer(), fc.integer({ min: 1, max: mostUses })), { maxLength: 300 }),
        (raised) => {
          const sketch = new Sketch()
          const most = new Map<number, number>()
          for (const [hash, uses] of raised) {
            sketch.raise(hash, uses)
            most.set(hash, Math.max(uses, most.get(hash) ?? 0))
            sketch.fit(most.size * 4)
          }
          for (const [hash, uses] of most) assert.ok(sketch.estimate(hash) >= uses)
        },
      ),
    )
  })

  it('is rarely wrong until it says that it is full, and halves what it knows', () => {
    const sketch = new Sketch()
    let count = 0
    while (!sketch.isFull) sketch.raise(mix(count++), 8)
    let wrong = 0
    for (let i = 0; i < 10_000; i++) if (sketch.estimate(mix(1_000_000 + i)) > 0) wrong++
    assert.ok(wrong < 1000, `${wrong}`)
    for (const expected of [4, 2, 1, 0]) {
      sketch.halve()
      assert.equal(sketch.estimate(mix(1)), expected)
    }
    assert.equal(sketch.isFull, false)
  })
})

describe('the hash', () => {
  it('differs from seed to seed in more than where it begins', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `/cities/${i}?page=${i % 7}`)
    /** Pairs of keys with the same low 16 bits. */
    const colliding = (seed: number): Set<string> => {
      const hash = seededHash(seed)
      const first = new Map<number, string>()
      const pairs = new Set<string>()
      for (const key of keys) {
        const low = hash(key) & 0xffff
        const other = first.get(low)
        if (other === undefined) first.set(low, key)
        else pairs.add(`${other} ${key}`)
      }
      return pairs
    }
    const [one, two] = [colliding(1), colliding(2)]
    // As many as chance has it (20,000² / 2 / 65,536, less those who collide more than once), and others each time.
    assert.ok(one.size > 2000 && one.size < 3200, `${one.size}`)
    assert.ok([...one].filter((pair) => two.has(pair)).length < 10)
    assert.equal(seededHash(7)('a'), seededHash(7)('a'))
  })
})
