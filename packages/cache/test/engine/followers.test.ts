import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Followers } from '../../src/engine/followers.ts'

const after = (reads: readonly string[], least = 0.01, limit = 1000): string[] => {
  const followers = new Followers<string>(limit)
  for (const name of reads) followers.note({ key: name, name })
  return followers.after(reads.at(-1) ?? '', least).map(({ name, chance }) => `${name} ${chance.toFixed(2)}`)
}

/** The share of the reads of the last key, but the last, that had each other key among the four that came next. */
const naive = (reads: readonly string[]): ReadonlyMap<string, number> => {
  const last = reads.at(-1)
  const sights = reads.slice(0, -1).flatMap((name, at) => (name === last ? [at] : []))
  const counts = new Map<string, number>()
  for (const at of sights) {
    for (const name of new Set(reads.slice(at + 1, at + 5))) {
      if (name !== last) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return new Map([...counts].map(([name, count]) => [name, count / sights.length]))
}

describe('followers', () => {
  for (const [what, reads, expected] of [
    ['of what was never read', '', []],
    ['of what was read too seldom', 'ab ab a', []],
    ['of a chain, the nearest four', 'abcdef abcdef abcdef a', ['b 1.00', 'c 1.00', 'd 1.00', 'e 1.00']],
    ['with others in between', 'axb ayb azb a', ['b 1.00', 'x 0.33', 'y 0.67', 'z 0.67']],
    ['that come in some of the cases', 'ab.... a..... ab.... a..... a', ['b 0.50', '. 1.00']],
    ['of a key that follows itself', 'aaaaaaaa', []],
  ] as [string, string, string[]][]) {
    it(what, () => assert.deepEqual(after([...reads.replaceAll(' ', '')]).sort(), expected.sort()))
  }

  it('with less than the wanted chance are left out, the likeliest come first', () => {
    assert.deepEqual(after([...'abxx...axb.....abxx...ax.....a'], 0.5), ['x 1.00', '. 1.00', 'b 0.75'])
    assert.deepEqual(after([...'axb.....ab......ax......a'], 0.9), ['. 1.00'])
  })

  it('are those of an exact count, where they are few', () => {
    const read = fc.constantFrom(...'abcdefghi')
    fc.assert(
      fc.property(fc.array(read, { minLength: 1, maxLength: 31 }), (reads) => {
        const expected = naive(reads)
        const told = new Followers<string>(1000)
        for (const name of reads) told.note({ key: name, name })
        const sights = reads.filter((name) => name === reads.at(-1)).length
        const found = new Map(told.after(reads.at(-1) ?? '', 0.001).map(({ name, chance }) => [name, chance]))
        assert.deepEqual(found, sights < 4 ? new Map() : found)
        for (const [name, chance] of sights < 4 ? [] : expected) assert.equal(found.get(name), chance)
      }),
    )
  })

  it('are never said to be likelier than they are, however many', () => {
    const read = fc.oneof(fc.constant('a'), fc.integer({ min: 0, max: 40 }).map(String))
    fc.assert(
      fc.property(fc.array(read, { maxLength: 100 }), (reads) => {
        const asked = [...reads, 'a']
        if (asked.filter((name) => name === 'a').length >= 32) return
        const expected = naive(asked)
        const told = new Followers<string>(1000)
        for (const name of asked) told.note({ key: name, name })
        const found = told.after('a', 0.001)
        assert.ok(found.length <= 8)
        for (const { name, chance } of found) assert.ok(chance <= (expected.get(name) ?? 0), name)
      }),
    )
  })

  it('that are strong stay among any number of others', () => {
    const reads: string[] = []
    for (let i = 0; i < 25; i++) reads.push('a', `${3 * i}`, 'b', `${3 * i + 1}`, `${3 * i + 2}`)
    assert.deepEqual(after([...reads, 'a'], 0.5), ['b 1.00'])
  })

  it('are not put out by one newcomer', () => {
    const reads = `${'a1234a5678'.repeat(7)}aw123a`
    assert.equal(after([...reads], 0.35).length, 8)
  })

  it('of long ago give way to those of now', () => {
    const old = Array.from({ length: 200 }, () => [...'ab......']).flat()
    const now = Array.from({ length: 40 }, () => [...'ac......']).flat()
    assert.deepEqual(
      after([...old, ...now, 'a'], 0.5).map((told) => told[0]),
      ['.', 'c'],
    )
  })

  it('are bounded: the key that was read least recently is forgotten, and long ones are not kept', () => {
    const followers = new Followers<string>(10)
    const note = (name: string): void => followers.note({ key: name, name })
    for (let i = 0; i < 100; i++) {
      note('a')
      note('b')
      for (let j = 0; j < 6; j++) note(`${i}.${j}`)
      assert.ok(followers.size <= 10)
    }
    note('a')
    assert.deepEqual(
      followers.after('a', 0.9).map(({ name }) => name),
      ['b'],
    )
    note('x'.repeat(501))
    assert.deepEqual(followers.after('x'.repeat(501), 0.1), [])
  })
})
