import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Load } from '../src/load.ts'
import { type Strain, strainedAfter, unstrained } from '../src/strain.ts'

const marks = { high: 0.9, low: 0.7 }

const after = (readings: readonly number[]): Strain =>
  readings.reduce((before, reading) => strainedAfter(before, reading, marks), unstrained).strain

const times = (count: number, reading: number): readonly number[] => Array<number>(count).fill(reading)

describe('strain', () => {
  const rows: readonly (readonly [what: string, readings: readonly number[], strain: Strain])[] = [
    ['nothing has happened', [], 0],
    ['two full seconds', times(2, 1), 0],
    ['three', times(3, 0.9), 1],
    ['three with a gap', [1, 1, 0.8, 1], 0],
    ['six', times(6, 1), 2],
    ['many', times(60, 1), 2],
    ['between the marks nothing changes', [...times(3, 1), ...times(99, 0.8)], 1],
    ['nine easy seconds are not enough', [...times(6, 1), ...times(9, 0.1)], 2],
    ['ten are, for one step', [...times(6, 1), ...times(10, 0.7)], 1],
    ['and twenty for both', [...times(6, 1), ...times(20, 0.1)], 0],
    ['ease that is broken off begins anew', [...times(3, 1), ...times(9, 0), 0.8, ...times(9, 0)], 1],
    ['less than nothing there is not', times(50, 0), 0],
  ]
  for (const [what, readings, strain] of rows) {
    it(what, () => assert.equal(after(readings), strain))
  }

  it('never goes two steps at once, and never up in ease or down in need', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 200 }), (readings) => {
        let state = unstrained
        for (const reading of readings) {
          const next = strainedAfter(state, reading, marks)
          const change = next.strain - state.strain
          assert.ok(change === 0 || (change === 1 && reading >= 0.9) || (change === -1 && reading <= 0.7))
          state = next
        }
      }),
    )
  })

  it('is read once a second, between start and stop', async () => {
    const clock = new VirtualClock()
    let busy = 1
    const load = new Load(marks, () => busy)
    load.start(clock)
    load.start(clock)
    await clock.advance(2999)
    assert.equal(load.strain, 0)
    await clock.advance(1)
    assert.equal(load.strain, 1)
    await clock.advance(3000)
    assert.equal(load.strain, 2)
    busy = 0
    await clock.advance(20_000)
    assert.equal(load.strain, 0)
    assert.equal(clock.pending, 1)
    load.stop()
    assert.equal(clock.pending, 0)
  })

  it('does not outlast its stop', async () => {
    const clock = new VirtualClock()
    const load = new Load(marks, () => 1)
    load.start(clock)
    await clock.advance(6000)
    load.stop()
    assert.equal(load.strain, 0)
  })
})
