import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseCacheControl } from '../src/index.ts'

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
    ['ext=""', { ext: '' }],
    ['max-age=', { 'max-age': '' }],
    // Of two the first counts (RFC 9111 section 4.2.1).
    ['max-age=5, max-age=60', { 'max-age': '5' }],
    ['max-age=60, no-store, MAX-AGE=5', { 'max-age': '60', 'no-store': true }],
    // What is no directive is passed over, and what follows it is read.
    ['max-age 60, no-store', { 'no-store': true }],
    ['(comment), no-store', { 'no-store': true }],
    ['=60, no-store', { 'no-store': true }],
    ['a b c=1, no-store', { 'no-store': true }],
    ['max-age="60, no-store', { 'no-store': true }],
    ['"no-store"', {}],
    ['max-age=60"x", public', { public: true }],
    ['no-störe, public', { public: true }],
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
          assert.deepEqual([...parseCacheControl(field)], directives)
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
    const hostile = [
      'a',
      ' ',
      ',',
      '=',
      '"',
      '\\',
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
    for (const piece of hostile) {
      const many = piece.repeat(1_000_000 / piece.length)
      for (const field of [many, `a="${many}`, `${many}"`, `${many}\u0000`]) parseCacheControl(field)
    }
  })
})
