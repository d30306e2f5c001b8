import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { agreed, needed } from '../src/quorum.ts'

const half = { share: 0.5, least: 2 }

test('more than half of the live processes, and never one alone', () => {
  const table: readonly [voters: number, votes: number][] = [
    [0, 2],
    [1, 2],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [10, 6],
    [101, 51],
  ]
  for (const [voters, votes] of table) assert.equal(needed(voters, half), votes, `of ${voters}`)
  assert.equal(needed(4, { share: 0, least: 1 }), 1)
})

test('it lasts as long as enough of them say so', () => {
  const open = [900, 500, 300].map((until) => ({ key: '', until }))
  const until = (voters: number): number | undefined =>
    agreed({ name: 'db', voters, open }, half, 100).get('')
  assert.equal(until(3), 500)
  assert.equal(until(4), 300)
  assert.equal(until(5), 300)
  assert.equal(until(6), undefined)
  assert.equal(agreed({ name: 'db', voters: 3, open }, half, 500).size, 0)
})

test('one process stops nobody, whatever it says of however many keys', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.array(fc.nat(1000)), (voters, untils) => {
      const open = untils.sort((a, b) => b - a).map((until, index) => ({ key: `k${index}`, until }))
      assert.equal(agreed({ name: 'db', voters, open }, half, 0).size, 0)
    }),
  )
})

test('keys are counted apart', () => {
  const open = [
    { key: 'a', until: 9 },
    { key: 'b', until: 8 },
    { key: 'a', until: 7 },
  ]
  assert.deepEqual([...agreed({ name: 'db', voters: 3, open }, half, 0)], [['a', 7]])
})
