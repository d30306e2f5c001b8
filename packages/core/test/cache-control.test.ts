import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { deltaSeconds, parseCacheControl } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

describe('Cache-Control', () => {
  const rows: readonly (readonly [
    field: string | undefined,
    directives: Readonly<Record<string, string | true>>,
  ])[] = [
    [undefined, {}],
    ['', {}],
    [' ', {}],
    ['no-store', { 'no-store': true }],
    ['No-Store', { 'no-store': true }],
    ['public, max-age=60', { public: true, 'max-age': '60' }],
    ['public,max-age=60,', { public: true, 'max-age': '60' }],
    [',, public ,,max-age=60', { public: true, 'max-age': '60' }],
    ['max-age = 60', { 'max-age': '60' }],
    ['\tmax-age=60\t,\tpublic', { 'max-age': '60', public: true }],
    // A quoted argument is the same argument (RFC 9111 section 5.2).
    ['max-age="60"', { 'max-age': '60' }],
    [
      'private="set-cookie, authorization", max-age=5',
      { private: 'set-cookie, authorization', 'max-age': '5' },
    ],
    ['ext="a, no-store, max-age=9", max-age=5', { ext: 'a, no-store, max-age=9', 'max-age': '5' }],
    ['ext="a\\"b\\\\c"', { ext: 'a"b\\c' }],
    // As http-cache-tests has them.
    ["max-age='3600'", { 'max-age': "'3600'" }],
    ['max-age=3600.0', { 'max-age': '3600.0' }],
    ['max-age=-3600', { 'max-age': '-3600' }],
    ['extension="max-age=3600", max-age="1"', { extension: 'max-age=3600', 'max-age': '1' }],
    // Of two the first counts (RFC 9111 section 4.2.1).
    ['max-age=5, max-age=60', { 'max-age': '5' }],
    ['max-age=60, no-store, MAX-AGE=5', { 'max-age': '60', 'no-store': true }],
    // One without an argument is the stricter: all of the reply is private, no time is said.
    ['private="a", private', { private: true }],
    ['private, private="a"', { private: true }],
    ['no-cache="a", no-cache, no-cache="b"', { 'no-cache': true }],
    ['max-age=60, max-age', { 'max-age': true }],
    // Field names are added up.
    ['private="a, b", private=c', { private: 'a, b, c' }],
    ['no-cache="a", NO-CACHE="b"', { 'no-cache': 'a, b' }],
    // A broken or empty argument is none.
    ['max-age=', { 'max-age': true }],
    ['ext=""', { ext: true }],
    ['private=""', { private: true }],
    ['private="a, max-age=60', { private: true, 'max-age': '60' }],
    ['private=a;', { private: true }],
    ['private="a"b, public', { private: true, public: true }],
    ['private;max-age=60', { private: true }],
    ['max-age=60;public', { 'max-age': true }],
    ['max-age=60 s, public', { 'max-age': true, public: true }],
    ['max-age==60', { 'max-age': true }],
    ['max-age 60, no-store', { 'max-age': true, 'no-store': true }],
    ['a b c=1, no-store', { a: true, 'no-store': true }],
    ['max-age="60, no-store', { 'max-age': true, 'no-store': true }],
    ['max-age=60"x", public', { 'max-age': true, public: true }],
    ['no-störe, public', { 'no-st': true, public: true }],
    // What is no directive is passed over, and what follows it is read.
    ['(comment), no-store', { 'no-store': true }],
    ['=60, no-store', { 'no-store': true }],
    ['"no-store"', {}],
    ['__proto__=1, constructor', JSON.parse('{"__proto__":"1","constructor":true}')],
  ]
  for (const [field, directives] of rows) {
    it(JSON.stringify(field ?? 'none'), () =>
      assert.deepEqual(Object.fromEntries(parseCacheControl(field)), directives),
    )
  }

  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,8}$/)
  const argument: fc.Arbitrary<string | true> = fc.oneof(
    fc.constant<true>(true),
    token,
    fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
  )

  it('reads what was written, in any order and spacing', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(token, argument), { selector: ([name]) => name, maxLength: 8 }),
        fc.array(fc.constantFrom('', ' ', '  ', '\t'), { minLength: 8, maxLength: 8 }),
        (directives, spaces) => {
          const field = directives
            .map(([name, value], i) => {
              const quoted = value === true ? '' : `="${value.replace(/["\\]/g, '\\$&')}"`
              return `${spaces[i]}${name}${quoted}${spaces[7 - i]}`
            })
            .join(',')
          // An empty argument is none.
          const read = directives.map(([name, value]) => [name, value || true])
          assert.deepEqual([...parseCacheControl(field)], read)
        },
      ),
    )
  })

  it('never throws, and names no directive that is no token', () => {
    const pieces = fc.constantFrom('"', '\\', ',', '=', ' ', 'a', 'max-age', '60', '\u0000', 'é', '\n', '\t')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (field) => {
          for (const [name, value] of parseCacheControl(field)) {
            assert.match(name, /^[!#$%&'*+.^_`|~0-9a-z-]+$/)
            assert.ok(value === true || typeof value === 'string')
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reads a hostile field of a megabyte', () => {
    // What is quadratic takes hours here; nothing is measured.
    const pieces = [
      'a=',
      'a="',
      'a="\\',
      'a=\\"',
      '"a',
      'a ',
      ' a',
      ', ',
      '= ',
      'a="a",',
      'a="x y ',
      'a =',
      '\\"',
      '"",',
    ]
    for (const field of hostileFields([...pieces, 'private=a,', 'private="a",'])) {
      parseCacheControl(field)
      parseCacheControl(`a="${field}`)
      deltaSeconds(field)
    }
  })
})

describe('delta-seconds', () => {
  const rows: readonly (readonly [value: string | true | undefined, seconds: number | undefined])[] = [
    ['0', 0],
    ['3600', 3600],
    ['003600', 3600],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['99999999999', 2147483648],
    ['9'.repeat(400), 2147483648],
    ['3600.0', undefined],
    ['3600.5', undefined],
    ['-3600', undefined],
    ['+3600', undefined],
    ["'3600'", undefined],
    ['a3600', undefined],
    ['3600a', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    [' 60', undefined],
    ['60\n', undefined],
    ['', undefined],
    [true, undefined],
    [undefined, undefined],
  ]
  for (const [value, seconds] of rows) {
    it(JSON.stringify(value ?? 'none').slice(0, 40), () => assert.equal(deltaSeconds(value), seconds))
  }
})
