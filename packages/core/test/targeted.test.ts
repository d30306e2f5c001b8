import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseTargeted } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

describe('a targeted field', () => {
  const rows: readonly (readonly [
    field: string | undefined,
    directives: Readonly<Record<string, string | true>> | undefined,
  ])[] = [
    [undefined, undefined],
    ['max-age=3600', { 'max-age': '3600' }],
    ['max-age=2147483648', { 'max-age': '2147483648' }],
    ['max-age=99999999999', { 'max-age': '99999999999' }],
    ['foobar, max-age=3600', { foobar: true, 'max-age': '3600' }],
    ['no-store', { 'no-store': true }],
    ['private, no-cache, must-revalidate', { private: true, 'no-cache': true, 'must-revalidate': true }],
    ['no-cache="a, b", private=x', { 'no-cache': 'a, b', private: 'x' }],
    ['max-age=60;target="x", ext=1.5', { 'max-age': '60', ext: true }],
    ['stale-while-revalidate=5,\tstale-if-error=6', { 'stale-while-revalidate': '5', 'stale-if-error': '6' }],
    // Of a key that stands twice the last counts (RFC 9651 section 4.2.2).
    ['max-age=60, max-age=5', { 'max-age': '5' }],
    // An argument of another type is none.
    ['max-age="10000"', { 'max-age': true }],
    ['max-age=abc', { 'max-age': true }],
    ['max-age=1.5', { 'max-age': true }],
    ['max-age=(1 2)', { 'max-age': true }],
    ['max-age', { 'max-age': true }],
    ['max-age=-5', { 'max-age': '-5' }],
    ['private=5', { private: true }],
    ['private=""', { private: true }],
    ['private=("a" "b")', { private: true }],
    ['no-store=?1, public=?0', { 'no-store': true }],
    // Nothing is said.
    ['', undefined],
    [' ', undefined],
    ['no-store=?0', undefined],
    // Malformed anywhere: ignored as a whole.
    ['max-age=10000, &&&&&', undefined],
    ['no-store, max-age=', undefined],
    ['max-age =100', undefined],
    ['max-age= 100', undefined],
    ['MaX-aGe=3600', undefined],
    ['max-age=3600,', undefined],
    ['max-age=3600 no-store', undefined],
    ['max-age=9999999999999999', undefined],
    ['private="a', undefined],
    ['private="\u00e9"', undefined],
    ['max-age=60\n', undefined],
  ]
  for (const [field, directives] of rows) {
    it(JSON.stringify(field ?? 'none'), () => {
      const read = parseTargeted(field)
      assert.deepEqual(read && Object.fromEntries(read), directives)
    })
  }

  it('never throws', () => {
    const piece = fc.constantFrom(
      'a',
      'max-age',
      '=',
      '"',
      ',',
      ' ',
      ';',
      '(',
      ')',
      '?1',
      '@5',
      ':',
      '%"',
      '6',
      '.',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((list) => list.join('')),
        ),
        (field) => {
          for (const [, value] of parseTargeted(field) ?? []) assert(value === true || value.length > 0)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['a,', 'a=1,', 'a;b', 'a=(', 'a=:', 'a=%"', 'a="\\"'])) {
      parseTargeted(field)
      parseTargeted(`a=${field}`)
    }
  })
})
