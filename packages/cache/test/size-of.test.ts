import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sizeOf } from '../src/size-of.ts'

describe('the size of a value', () => {
  it('is at least that of its characters and bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })), (text) => {
        assert.ok(sizeOf(text) >= text.length)
        if (/[^\0-\xff]/.test(text)) assert.ok(sizeOf(text) >= 2 * text.length)
      }),
    )
    for (const bytes of [
      new Uint8Array(5000),
      Buffer.alloc(5000),
      new DataView(new ArrayBuffer(5000)),
      new ArrayBuffer(5000),
    ]) {
      assert.ok(sizeOf(bytes) >= 5000 && sizeOf(bytes) < 6000)
    }
  })

  it('counts the whole store behind a view', () => {
    assert.ok(sizeOf(new Uint8Array(1e6).subarray(0, 1)) >= 1e6)
  })

  it('counts what occurs twice once, also what holds itself', () => {
    const shared = { text: 'x'.repeat(10_000) }
    const value: Record<string, unknown> = { one: shared, other: shared }
    value['self'] = value
    assert.ok(sizeOf(value) > 10_000 && sizeOf(value) < 11_000)
    const bytes = new Uint8Array(10_000)
    assert.ok(sizeOf([bytes, bytes.subarray(1)]) < 11_000)
  })

  it('looks into arrays, maps, sets, errors and nested objects', () => {
    const text = 'x'.repeat(1000)
    for (const value of [
      [text],
      new Map([[1, text]]),
      new Map([[text, 1]]),
      new Set([text]),
      { a: { b: [text] } },
      new Error(text),
    ]) {
      assert.ok(sizeOf(value) >= 1000, String(value))
    }
    assert.ok(sizeOf(Array.from({ length: 500 }, () => ({ text: 'x'.repeat(100) }))) >= 500 * 100)
  })

  it('looks at a part of what is large, and comes near', () => {
    let reads = 0
    const item = (): object => {
      const made = {}
      Object.defineProperty(made, 'text', {
        enumerable: true,
        get: () => {
          reads++
          return 'x'.repeat(100)
        },
      })
      return made
    }
    const size = sizeOf(Array.from({ length: 20_000 }, item))
    assert.ok(size > 20_000 * 48 && size < 20_000 * 250, `${size}`)
    assert.ok(reads <= 1000)
    const nested = Array.from({ length: 20_000 }, (_, i) => ({ i, text: `${i}`.padStart(100) }))
    assert.ok(sizeOf(new Map(nested.entries())) > 20_000 * 40)
    assert.ok(sizeOf(new Set(nested.map(({ text }) => text))) > 20_000 * 120)
  })

  it('ends with whatever is deep', () => {
    let deep: unknown = 'end'
    for (let i = 0; i < 100_000; i++) deep = { deep }
    assert.ok(sizeOf(deep) > 0)
  })

  it('is finite and whole for anything', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
        }),
        (value) => {
          assert.ok(Number.isSafeInteger(sizeOf(value)) && sizeOf(value) >= 0)
        },
      ),
    )
  })
})
