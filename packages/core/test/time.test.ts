import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { DeadlineError, systemClock, within } from '../src/index.ts'

const day = 86_400_000

describe('the system clock', () => {
  it('calls once after the delay, and not when cancelled', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const log: string[] = []
    systemClock.after(10, () => log.push('ten'))
    const cancelled = systemClock.after(10, () => log.push('cancelled'))
    systemClock.after(0, () => log.push('zero'))
    cancelled.cancel()
    t.mock.timers.tick(9)
    assert.deepEqual(log, ['zero'])
    t.mock.timers.tick(1_000_000)
    assert.deepEqual(log, ['zero', 'ten'])
    cancelled.cancel()
  })

  it('holds delays longer than a Node timer does', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const longest = 2 ** 31 - 1
    const log: string[] = []
    systemClock.after(longest, () => log.push('24.8 days'))
    systemClock.after(longest + 1, () => log.push('a millisecond more'))
    systemClock.after(90 * day, () => log.push('ninety days'))
    const cancelled = systemClock.after(60 * day, () => log.push('cancelled'))
    t.mock.timers.tick(longest - 1)
    assert.deepEqual(log, [])
    t.mock.timers.tick(1)
    assert.deepEqual(log, ['24.8 days'])
    t.mock.timers.tick(1)
    assert.deepEqual(log, ['24.8 days', 'a millisecond more'])
    t.mock.timers.tick(longest - 1)
    cancelled.cancel()
    t.mock.timers.tick(longest)
    t.mock.timers.tick(90 * day - 3 * longest - 1)
    assert.deepEqual(log.slice(2), [])
    t.mock.timers.tick(1)
    assert.deepEqual(log.slice(2), ['ninety days'])
  })

  it('never calls after infinity, which can be cancelled all the same', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let called = false
    const timer = systemClock.after(Number.POSITIVE_INFINITY, () => {
      called = true
    })
    for (let passed = 0; passed < 100; passed++) t.mock.timers.tick(day)
    assert.equal(called, false)
    timer.cancel()
  })

  it('keeps no process alive but for what is awaited', () => {
    const active = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = active()
    const timers = [systemClock.after(60_000, () => {}), systemClock.after(60_000, () => {}, true)]
    assert.equal(active(), before + 1)
    for (const timer of timers) timer.cancel()
    assert.equal(active(), before)
  })

  it('tells the time, and time that never goes back', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_000 })
    assert.equal(systemClock.now(), 1_000)
    const earlier = systemClock.elapsed()
    t.mock.timers.setTime(0)
    assert.equal(systemClock.now(), 0)
    assert.ok(systemClock.elapsed() >= earlier)
  })
})

describe('within', () => {
  it('is what the promise is, when that comes in time, and leaves no timer', async () => {
    const clock = new VirtualClock()
    assert.equal(await within(clock, 10, Promise.resolve(5), 'late'), 5)
    await assert.rejects(within(clock, 10, Promise.reject(new Error('broken')), 'late'), /broken/)
    await settled()
    assert.equal(clock.pending, 0)
  })

  it('rejects at the deadline, and forgets what comes later', async () => {
    const clock = new VirtualClock()
    for (const later of [
      (gate: PromiseWithResolvers<number>) => gate.resolve(5),
      (gate: PromiseWithResolvers<number>) => gate.reject(new Error('too late')),
    ]) {
      const gate = Promise.withResolvers<number>()
      const waited = within(clock, 10, gate.promise, 'no answer within 10 ms')
      const told = assert.rejects(
        waited,
        (error) => error instanceof DeadlineError && error.message === 'no answer within 10 ms',
      )
      await clock.advance(9)
      assert.equal(clock.pending, 1)
      await clock.advance(1)
      await told
      later(gate)
      await settled()
    }
  })

  it('waits for ever when the limit is infinite', async () => {
    const clock = new VirtualClock()
    const gate = Promise.withResolvers<string>()
    const waited = within(clock, Number.POSITIVE_INFINITY, gate.promise, 'late')
    await clock.advance(1000 * day)
    gate.resolve('at last')
    assert.equal(await waited, 'at last')
  })
})
