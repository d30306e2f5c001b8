import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '../entry.ts'
import type { Near } from '../near.ts'

const long = 1e15

/** An entry that is fresh for a long time. */
export const entryOf = (value: unknown, more: Partial<Entry> = {}): Entry => ({
  value,
  createdAt: 1000,
  freshUntil: long,
  staleUntil: 2 * long,
  ...more,
})

/**
 * What every near tier has to do.
 *
 * @param make a new empty tier, with room for a few hundred small entries and not for a hundred thousand, whose time is after 10,000
 */
export const nearContract = (make: () => Near): void => {
  describe('a near tier', () => {
    it('gives back the very entry that was set, until it is deleted', () => {
      const near = make()
      const entry = entryOf({ a: 1 }, { tags: ['t'], validator: '"v"' })
      assert.equal(near.get('a'), undefined)
      assert.equal(near.set('a', entry), true)
      assert.equal(near.get('a'), entry)
      assert.equal(near.get('b'), undefined)
      assert.equal(near.delete('a'), true)
      assert.equal(near.delete('a'), false)
      assert.equal(near.get('a'), undefined)
    })

    it('keeps values of every kind under keys of every kind', () => {
      const near = make()
      const values = [
        undefined,
        null,
        false,
        0,
        '',
        Number.NaN,
        [],
        new Map([[1, 2]]),
        () => 1,
        Symbol('s'),
        1n,
      ]
      const keys = ['', '__proto__', 'constructor', 'a:b', 'ä', '\u{1f600}', 'toString', ' ', 'a b', '0', '1']
      for (const [at, key] of keys.entries()) assert.ok(near.set(key, entryOf(values[at])), key)
      for (const [at, key] of keys.entries()) assert.ok(Object.is(near.get(key)?.value, values[at]), key)
    })

    it('keeps bytes, also those that are a part of something larger', () => {
      const near = make()
      const large = Buffer.alloc(10_000, 'abc')
      const part = large.subarray(3, 9)
      assert.ok(near.set('a', entryOf(part)))
      assert.deepEqual(near.get('a')?.value, Buffer.from('abcabc'))
    })

    it('does not let an entry go for one that was created before it', () => {
      const near = make()
      const later = entryOf('later', { createdAt: 2000 })
      assert.ok(near.set('a', later))
      assert.equal(near.set('a', entryOf('earlier', { createdAt: 1999 })), false)
      assert.equal(near.get('a'), later)
      const again = entryOf('again', { createdAt: 2000 })
      assert.ok(near.set('a', again))
      assert.equal(near.get('a'), again)
    })

    it('does not keep what is over, nor what it would have replaced', () => {
      const near = make()
      near.set('a', entryOf('old'))
      assert.equal(near.set('a', entryOf('over', { freshUntil: 2000, staleUntil: 2000 })), false)
      assert.equal(near.get('a'), undefined)
      assert.deepEqual([...near.entries()], [])
    })

    it('keeps what never ends', () => {
      const near = make()
      const never = { freshUntil: Number.POSITIVE_INFINITY, staleUntil: Number.POSITIVE_INFINITY }
      assert.ok(near.set('a', entryOf(1, never)))
      assert.equal(near.get('a')?.value, 1)
    })

    it('is cleared whole or by prefix', () => {
      const near = make()
      for (const key of ['a:1', 'a:2', 'ab', 'b:1']) near.set(key, entryOf(key))
      near.clear('a:')
      assert.deepEqual([...near.entries()].map(([key]) => key).sort(), ['ab', 'b:1'])
      near.clear()
      assert.deepEqual([...near.entries()], [])
      assert.ok(near.set('a', entryOf(1)))
    })

    it('may be walked while it changes', () => {
      const near = make()
      for (let i = 0; i < 50; i++) near.set(`${i}`, entryOf(i))
      let steps = 0
      for (const [key] of near.entries()) {
        near.get(key)
        near.delete(`${Number(key) + 1}`)
        if (steps++ < 10) near.set(`new ${steps}`, entryOf(steps))
        assert.ok(steps < 500)
      }
    })

    it('has a bound, and tells who had to leave for others', () => {
      const near = make()
      const told = new Set<string>()
      const tell = (key: string, entry: Entry): void => {
        assert.equal(entry.value, key)
        told.add(key)
      }
      near.onEvicted = tell
      let count = 0
      const refused = new Set<string>()
      for (; count < 100_000 && told.size + refused.size < 100; count++) {
        if (!near.set(`${count}`, entryOf(`${count}`))) refused.add(`${count}`)
      }
      assert.ok(count < 100_000)
      const kept = new Set([...near.entries()].map(([key]) => key))
      assert.equal(kept.size + told.size + refused.size, count)
      for (const key of told) assert.equal(kept.has(key), false)
    })

    it('does not tell of what was deleted, replaced or cleared', () => {
      const near = make()
      const tell = (): void => assert.fail('told')
      near.onEvicted = tell
      near.set('a', entryOf(1))
      near.set('a', entryOf(2))
      near.delete('a')
      near.set('b', entryOf(1))
      near.clear('b')
      near.set('b', entryOf(1))
      near.clear()
    })

    it('starts and stops, more than once, and answers all the while', async () => {
      const near = make()
      for (let i = 0; i < 2; i++) {
        await near.start?.()
        await near.start?.()
        near.set('a', entryOf(i))
        assert.equal(near.get('a')?.value, i)
        await near.stop?.()
        await near.stop?.()
      }
      assert.equal(near.get('a')?.value, 1)
      assert.ok(near.inspect())
      assert.ok(near.name)
    })
  })
}
