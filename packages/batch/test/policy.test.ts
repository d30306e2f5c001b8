import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AdaptiveSize, AdaptiveWindow } from '../src/index.ts'
import { backoff } from '../src/policy.ts'

/** Milliseconds for so many items. */
type BackEnd = (items: number) => number

const bounds = { min: 1, max: 1000, target: 50 }

/** The most items in a millisecond that a fixed size within the target can do. */
const bestOf = (backEnd: BackEnd): number => {
  let best = 0
  for (let size = bounds.min; size <= bounds.max; size++)
    if (backEnd(size) <= bounds.target) best = Math.max(best, size / backEnd(size))
  return best
}

describe('a size that adapts', () => {
  const backEnds: Readonly<Record<string, BackEnd>> = {
    'a fixed cost': () => 10,
    'a linear cost, by the target': (items) => 2 + 0.2 * items,
    'a convex cost, by the cost': (items) => 4 + 0.001 * items ** 2,
    'a convex cost, by the target': (items) => 30 + 0.01 * items ** 2,
  }

  for (const [name, backEnd] of Object.entries(backEnds)) {
    it(`reaches nine tenths of the best fixed one: ${name}`, () => {
      const size = new AdaptiveSize(bounds)
      let items = 0
      let time = 0
      let late = 0
      for (let batch = 0; batch < 400; batch++) {
        const took = backEnd(size.size)
        items += size.size
        time += took
        if (took > bounds.target) late++
        size.record(size.size, took)
      }
      assert.ok(items / time / bestOf(backEnd) >= 0.9, `${items / time / bestOf(backEnd)}`)
      assert.ok(late <= 40, `${late} of 400 took too long`)
    })
  }

  it('comes back when the back end becomes slower, and when it becomes faster', () => {
    const size = new AdaptiveSize(bounds)
    const run = (cost: number): number => {
      for (let batch = 0; batch < 400; batch++) size.record(size.size, cost * size.size)
      return size.size
    }
    assert.ok(run(0.1) > 400)
    assert.ok(run(1) <= 50)
    assert.ok(run(0.1) > 400)
  })

  it('shrinks at once for what takes far too long, and grows by nothing that was not full', () => {
    const size = new AdaptiveSize({ min: 10, max: 1000, target: 50 })
    for (let batch = 0; batch < 100; batch++) size.record(5, 1)
    assert.equal(size.size, 10)
    for (let batch = 0; batch < 20; batch++) size.record(size.size, 1)
    const before = size.size
    size.record(before, 151)
    assert.ok(size.size <= before / 2)
  })

  it('is whole, and within its bounds, whatever it is told; over the target it never grows', () => {
    const told = fc.array(
      fc.tuple(fc.double({ min: 0, max: 1.5, noNaN: true }), fc.double({ min: 0, max: 500, noNaN: true })),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 500 }),
        told,
        (min, more, all) => {
          const size = new AdaptiveSize({ min, max: min + more, target: 50 })
          for (const [share, duration] of all) {
            const before = size.size
            size.record(Math.round(before * share), duration)
            assert.ok(Number.isInteger(size.size) && size.size >= min && size.size <= min + more)
            if (duration > 150) assert.ok(size.size <= before)
          }
        },
      ),
    )
  })
})

describe('a window that adapts', () => {
  it('grows by a sixteenth of its range while there is time, and is halved when there is not', () => {
    const window = new AdaptiveWindow({ min: 2, max: 18, target: 30 })
    const lengths: number[] = []
    for (const [latency, isFull] of [
      [10, false],
      [30, false],
      [10, true],
      [31, true],
      [31, false],
      [1000, false],
    ] as const) {
      window.record(latency, isFull)
      lengths.push(window.length)
    }
    assert.deepEqual(lengths, [3, 4, 4, 2, 2, 2])
  })

  it('stays within its bounds', () => {
    const window = new AdaptiveWindow({ min: 2, max: 18, target: 30 })
    for (let i = 0; i < 100; i++) window.record(1, false)
    assert.equal(window.length, 18)
    for (let i = 0; i < 100; i++) window.record(100, true)
    assert.equal(window.length, 2)
  })
})

describe('the wait before another attempt', () => {
  it('doubles up to the longest, of which half is left to chance', () => {
    const rule = { delay: 50, max: 300 }
    const table = [
      [1, 1, 50],
      [2, 1, 100],
      [3, 0, 100],
      [4, 1, 300],
      [9, 0.5, 225],
      [2000, 1, 300],
    ] as const
    for (const [retry, random, wait] of table) assert.equal(backoff(rule, retry, random), wait)
  })
})
