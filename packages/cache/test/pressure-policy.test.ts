import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  bytesToFree,
  defaultMarks,
  judge,
  noStrain,
  type Relief,
  type Strain,
  shareOf,
} from '../src/pressure-policy.ts'

const marks = { high: 0.8, low: 0.6 }
const at = (used: number) => [{ used, limit: 100 }]

describe('memory pressure, judged', () => {
  const strained = (patience: number): Strain => ({ isOn: true, patience })
  for (const [what, before, used, isOn, excess] of [
    ['plenty', noStrain, 10, false, 0],
    ['between the marks on the way up', noStrain, 70, false, 0],
    ['at the high mark', noStrain, 80, true, 20],
    ['above it', noStrain, 95, true, 35],
    ['above the limit', noStrain, 120, true, 60],
    ['still above, shortly after', strained(3), 95, true, 0],
    ['still above, later', strained(0), 95, true, 35],
    ['between the marks on the way down', strained(3), 70, true, 0],
    ['at the low mark', strained(0), 60, true, 0],
    ['below the low mark', strained(3), 59, false, 0],
  ] as const) {
    it(`${what}: ${isOn ? 'on' : 'off'}, ${excess} to go`, () => {
      const judged = judge(before, at(used), marks)
      assert.deepEqual([judged.strain.isOn, judged.excess], [isOn, excess])
    })
  }

  it('goes by the fullest of several limits, and by none where there is none', () => {
    const levels = [
      { used: 10, limit: 100 },
      { used: 900, limit: 1000 },
      { used: 5, limit: 0 },
    ]
    assert.equal(shareOf(levels), 0.9)
    assert.equal(judge(noStrain, levels, marks).excess, 300)
    assert.equal(shareOf([]), 0)
    assert.deepEqual(judge(noStrain, [], marks), { strain: noStrain, excess: 0 })
  })

  it('turns on only at the high mark and off only below the low one, and asks again after a while', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(130), { maxLength: 60 }), (readings) => {
        let strain = noStrain
        let sinceAsked = Number.POSITIVE_INFINITY
        for (const used of readings) {
          const { strain: next, excess } = judge(strain, at(used), defaultMarks)
          if (next.isOn && !strain.isOn) assert.ok(used >= 85 && excess > 0)
          if (!next.isOn && strain.isOn) assert.ok(used < 70)
          if (excess > 0) {
            assert.equal(excess, Math.ceil(used - 70))
            sinceAsked = 0
          } else if (used >= 85) {
            assert.ok(++sinceAsked <= 3)
          }
          if (!next.isOn) sinceAsked = Number.POSITIVE_INFINITY
          strain = next
        }
      }),
    )
  })

  it('frees a part of what is held, never more', () => {
    const reliefs: readonly Relief[] = ['aggressive', 'conservative', 'adaptive']
    fc.assert(
      fc.property(fc.constantFrom(...reliefs), fc.nat(), fc.nat(), (relief, held, excess) => {
        const freed = bytesToFree(relief, held, excess)
        assert.ok(freed >= 0 && freed <= held)
        if (relief === 'adaptive') assert.equal(freed, Math.min(held, excess))
        else assert.equal(freed, Math.ceil(held / (relief === 'aggressive' ? 2 : 4)))
      }),
    )
  })
})
