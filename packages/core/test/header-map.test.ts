import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { HeaderMap, Stem } from '../src/index.ts'

type Line = readonly [name: string, value: string]

/** The same over a list of lines, each method in one obvious way. */
class NaiveMap {
  lines: Line[]
  constructor(lines: readonly Line[]) {
    this.lines = [...lines]
  }
  private is(name: string): (line: Line) => boolean {
    return ([present]) => present.toLowerCase() === name.toLowerCase()
  }
  getAll(name: string): string[] {
    return this.lines.filter(this.is(name)).map(([, value]) => value)
  }
  set(name: string, values: readonly string[]): void {
    const [first] = this.lines.filter(this.is(name))
    const at = first ? this.lines.indexOf(first) : this.lines.length
    const before = this.lines.slice(0, at)
    const after = this.lines.slice(at).filter((line) => !this.is(name)(line))
    this.lines = [...before, ...values.map((value): Line => [first?.[0] ?? name, value]), ...after]
  }
  append(name: string, values: readonly string[]): void {
    for (const value of values) this.lines.push([name, value])
  }
  delete(name: string): void {
    this.lines = this.lines.filter((line) => !this.is(name)(line))
  }
  vary(name: string): void {
    const names = this.getAll('vary')
      .join()
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean)
    if (names.includes('*') || names.some((each) => each.toLowerCase() === name.toLowerCase())) return
    this.set('vary', [name === '*' ? '*' : [...names, name].join(', ')])
  }
}

const name = fc.constantFrom(
  'Set-Cookie',
  'set-cookie',
  'Vary',
  'vary',
  'X-A',
  'x-a',
  'X-B',
  'Content-Length',
)
const value = fc.constantFrom('a', 'b', 'a, b', '', '*', 'Accept')
const values = fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.nat(9))
const listOf = (given: string | number | readonly string[]): readonly string[] =>
  typeof given === 'object' ? given : [String(given)]
const command = fc.oneof(
  fc.record({ method: fc.constantFrom('set', 'append'), name, values }),
  fc.record({ method: fc.constant('delete'), name, values }),
  fc.record({
    method: fc.constant('vary'),
    name: fc.constantFrom('Accept', 'accept', 'Origin', '*'),
    values,
  }),
)

describe('HeaderMap', () => {
  it('does what a list of lines does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 6 }),
        fc.array(command, { maxLength: 8 }),
        fc.nat(6),
        fc.boolean(),
        (lines, commands, cut, isStemmed) => {
          const first = lines.slice(0, cut).flat()
          const stem = new Stem([...first])
          const map = new HeaderMap(isStemmed ? stem : first, lines.slice(cut).flat())
          const twin = map.clone()
          const naive = new NaiveMap(lines)
          let changed = false
          for (const { method, name, values } of commands) {
            const before = naive.lines
            if (method === 'set') {
              map.set(name, values)
              naive.set(name, listOf(values))
            } else if (method === 'append') {
              map.append(name, values)
              naive.append(name, listOf(values))
            } else if (method === 'delete') {
              assert.equal(map.delete(name), naive.getAll(name).length > 0)
              naive.delete(name)
            } else {
              map.vary(name)
              naive.vary(name)
            }
            if (naive.lines.flat().join('\n') !== before.flat().join('\n')) changed = true
          }
          assert.deepEqual([...map], naive.lines)
          assert.deepEqual(map.raw, naive.lines.flat())
          for (const asked of ['SET-COOKIE', 'vary', 'x-a', 'x-c']) {
            const expected = naive.getAll(asked)
            assert.deepEqual(map.getAll(asked), expected)
            assert.equal(map.get(asked), expected.length > 0 ? expected.join(', ') : undefined)
            assert.equal(map.has(asked), expected.length > 0)
          }
          // A line set to what it was may count; a change that does not count would be lost.
          if (changed) {
            assert.equal(map.changed, true)
            assert.equal(map.stem, undefined)
          }
          // Others have the same stem.
          assert.deepEqual(stem.raw, first)
          assert.equal(twin.stem, isStemmed ? stem : undefined)
          assert.deepEqual([...twin.clone()], lines)
          assert.deepEqual([...map.clone()], [...map])
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is unchanged until something is', () => {
    const map = new HeaderMap(['A', '1', 'Vary', 'Accept'])
    map.get('a')
    map.getAll('a')
    map.has('b')
    map.delete('b')
    map.vary('accept')
    map.append('c', [])
    assert.equal(map.changed, false)
    assert.equal(map.append('c', 1).changed, true)
  })

  it('is made of fields, those that are undefined left out', () => {
    const cookies: readonly string[] = ['a=1', 'b=2']
    assert.deepEqual(
      [...HeaderMap.from({ 'Set-Cookie': cookies, 'X-Count': 5, Empty: '' })],
      [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['X-Count', '5'],
        ['Empty', ''],
      ],
    )
  })

  it('keeps the name that stands there, and its place', () => {
    const map = new HeaderMap(['ETag', '"1"', 'X', 'x', 'etag', '"2"'])
    assert.deepEqual(map.set('etag', '"3"').raw, ['ETag', '"3"', 'X', 'x'])
    assert.deepEqual(map.set('ETAG', ['"4"', '"5"']).raw, ['ETag', '"4"', 'ETag', '"5"', 'X', 'x'])
    assert.deepEqual(map.set('etag', []).raw, ['X', 'x'])
  })

  it('has a clone of its own', () => {
    const map = new HeaderMap(['A', '1'])
    const clone = map.clone()
    clone.set('a', '2')
    assert.deepEqual([map.get('a'), map.changed, clone.get('a'), clone.changed], ['1', false, '2', true])
  })
})
