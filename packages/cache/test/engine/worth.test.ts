import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pause, Worth } from '../../src/engine/worth.ts'

const learn = (worth: Worth, outcomes: string, now = 0): boolean[] =>
  [...outcomes].map((outcome) => worth.learn(outcome === '+', now))

describe('worth', () => {
  for (const [what, outcomes, pays, precision] of [
    ['before anything is known', '', true, undefined],
    ['after a few that were wrong', '-'.repeat(15), true, 0],
    ['after sixteen that were wrong', '-'.repeat(16), false, undefined],
    ['with half of them right', '+-'.repeat(8), true, 0.5],
    ['with one less than half right', `${'+-'.repeat(7)}--`, false, undefined],
    ['when it was right for long, and then is not', `${'+'.repeat(1000)}${'-'.repeat(64)}`, false, undefined],
  ] as [string, string, boolean, number | undefined][]) {
    it(`${what} ${pays ? 'it pays' : 'it does not pay'}`, () => {
      const worth = new Worth(0.5)
      learn(worth, outcomes)
      assert.equal(worth.pays(0), pays)
      assert.equal(worth.precision, outcomes.length > 64 ? worth.precision : precision)
    })
  }

  it('says once that it has stopped, and is tried again from nothing', () => {
    const worth = new Worth(0.5)
    assert.deepEqual(learn(worth, '-'.repeat(18)).indexOf(true), 15)
    assert.equal(worth.pays(pause - 1), false)
    assert.equal(worth.pays(pause), true)
    assert.deepEqual(learn(worth, '-'.repeat(13), pause).includes(true), false)
    assert.equal(worth.learn(false, pause), true)
  })
})
