import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codersOf } from '../src/coder.ts'
import { qualities } from '../src/coding.ts'
import { SameBodies } from '../src/same-bodies.ts'

const bytes = (length: number): Uint8Array => new Uint8Array(length)

describe('same bodies', () => {
  it('are those with equal bytes, coding and quality', () => {
    const same = new SameBodies(100)
    const { gzip, br } = codersOf(qualities.balanced)
    const key = same.keyOf(Buffer.from('a'), gzip)
    assert.equal(same.keyOf(Buffer.from('a'), gzip), key)
    assert.notEqual(same.keyOf(Buffer.from('b'), gzip), key)
    assert.notEqual(same.keyOf(Buffer.from('a'), br), key)
    assert.notEqual(same.keyOf(Buffer.from('a'), codersOf(qualities.fast).gzip), key)
  })

  it('leave for others, those first that were not used for longest', () => {
    const same = new SameBodies(100)
    for (const key of ['a', 'b', 'c']) same.set(key, bytes(30))
    assert.equal(same.get('a')?.byteLength, 30)
    same.set('d', bytes(40))
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => same.get(key)?.byteLength),
      [30, undefined, 30, 40],
    )
    assert.deepEqual(same.inspect(), { entries: 3, bytes: 100 })
  })

  it('are not kept when one is larger than all may be, and count once', () => {
    const same = new SameBodies(100)
    same.set('a', bytes(101))
    same.set('b', bytes(50))
    same.set('b', bytes(50))
    assert.deepEqual(same.inspect(), { entries: 1, bytes: 50 })
  })
})
