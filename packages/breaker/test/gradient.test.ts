import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Gradient, gradientStep, startAt } from '../src/gradient.ts'

const bounds = { min: 3, max: 90 }

const after = (steps: number, latency: number, from: Gradient, active?: number): Gradient => {
  let gradient = from
  for (let i = 0; i < steps; i++)
    gradient = gradientStep(gradient, { latency, active: active ?? gradient.limit }, bounds)
  return gradient
}

describe('the gradient', () => {
  it('grows as long as nothing gets slower, and only where it is used', () => {
    assert(after(10, 20, startAt(10)).limit > 15)
    assert.equal(after(10, 20, startAt(10), 4).limit, 10)
  })

  it('falls when work takes longer than it usually does', () => {
    const steady = after(100, 20, startAt(10))
    assert.equal(steady.limit, bounds.max)
    assert(after(5, 100, steady).limit < 60)
  })

  it('lets work become a little slower', () => {
    const steady = after(100, 20, startAt(10))
    assert.equal(after(5, 29, steady).limit, bounds.max)
  })

  it('stays where the service is full, however long there is too much to do', () => {
    // Ten pieces of work at once take 20 ms each, and others wait for them.
    const full = (steps: number, from: Gradient): Gradient => {
      let gradient = from
      for (let i = 0; i < steps; i++)
        gradient = gradientStep(gradient, { latency: Math.max(20, 2 * gradient.limit), active: 200 }, bounds)
      return gradient
    }
    const soon = full(100, startAt(5))
    assert(soon.limit >= 10 && soon.limit < 20)
    assert.equal(full(20_000, soon).limit.toFixed(3), soon.limit.toFixed(3))
  })

  it('comes back where a service has become slower for good, and forgets sooner that it was slow', () => {
    const steady = after(100, 20, startAt(10))
    assert.equal(after(40, 100, steady).limit, bounds.min)
    const slow = after(2000, 100, steady)
    assert.equal(slow.limit, bounds.max)
    const fast = after(60, 20, slow)
    assert((fast.usual ?? 0) < 45)
  })

  it('is a number within its bounds, whatever is measured', () => {
    const sample = fc.record({
      latency: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      active: fc.nat(1000),
    })
    fc.assert(
      fc.property(fc.array(sample), fc.integer(bounds), (samples, start) => {
        let gradient = startAt(start)
        for (const each of samples) {
          gradient = gradientStep(gradient, each, bounds)
          assert(gradient.limit >= bounds.min && gradient.limit <= bounds.max)
        }
      }),
    )
  })
})
