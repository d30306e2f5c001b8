import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memo } from '../src/memo.ts'

describe('memo', () => {
  it('makes a value once, and again when it has forgotten it', () => {
    const made: string[] = []
    const length = memo((text: string) => made.push(text), 2)
    for (const text of ['a', 'a', 'b', 'a', 'b']) length(text)
    assert.deepEqual(made, ['a', 'b'])
    length('c')
    length('c')
    length('a')
    assert.deepEqual(made, ['a', 'b', 'c', 'a'])
  })

  it('does not keep long texts', () => {
    let made = 0
    const count = memo((text: string) => text.length + made++)
    const long = 'a'.repeat(257)
    count(long)
    count(long)
    assert.equal(made, 2)
    count(long.slice(1))
    count(long.slice(1))
    assert.equal(made, 3)
  })
})
