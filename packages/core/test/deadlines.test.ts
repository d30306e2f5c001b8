import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Deadlines } from '../src/deadlines.ts'

describe('deadlines', () => {
  it('are kept as by a timer for each', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const), by: fc.nat(50) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), by: fc.nat(200) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), by: fc.nat(20) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 400, size: 'max' }), async (steps) => {
        const clock = new VirtualClock()
        const deadlines = new Deadlines(clock)
        const late: (readonly [number, number])[] = []
        const expected: (readonly [number, number])[] = []
        const waits: ReturnType<Deadlines['begin']>[] = []
        const open = new Map<number, number>()
        for (const { do: what, by } of [...steps, { do: 'advance' as const, by: 50 }]) {
          if (what === 'begin') {
            const id = waits.length
            const until = clock.elapsed() + by
            open.set(id, until)
            waits.push(deadlines.begin(until, () => late.push([clock.elapsed(), id])))
          } else if (what === 'end') {
            const wait = waits[by]
            if (wait !== undefined) assert.equal(deadlines.end(wait), open.delete(by))
          } else {
            await clock.advance(by)
            const due = [...open].filter(([, until]) => until <= clock.elapsed())
            for (const [id, until] of due) {
              open.delete(id)
              expected.push([until, id])
            }
          }
        }
        const inOrder = (all: typeof late): typeof late => all.toSorted(([a, i], [b, j]) => a - b || i - j)
        assert.deepEqual(inOrder(late), inOrder(expected))
        assert.equal(clock.pending, 0)
      }),
    )
  })

  it('set one timer, which rings once when nothing is waited for any more', async () => {
    const clock = new VirtualClock()
    const deadlines = new Deadlines(clock)
    const waits = Array.from({ length: 1000 }, () => deadlines.begin(50, () => assert.fail('it was in time')))
    assert.equal(clock.pending, 1)
    for (const wait of waits) assert.equal(deadlines.end(wait), true)
    for (let i = 0; i < 49; i++) {
      await clock.advance(1)
      deadlines.end(deadlines.begin(clock.elapsed() + 50, () => assert.fail('it was in time')))
      assert.equal(clock.pending, 1)
    }
    await clock.advance(1)
    assert.equal(clock.pending, 0)
  })

  it('may be anywhere between two milliseconds', async () => {
    const clock = new VirtualClock()
    const deadlines = new Deadlines(clock)
    const rung: number[] = []
    for (const until of [20.7, 0.1, 1 / 3]) deadlines.begin(until, () => rung.push(clock.elapsed()))
    await clock.advance(30)
    assert.deepEqual(rung, [1, 1, 21])
    assert.equal(clock.pending, 0)
  })
})
