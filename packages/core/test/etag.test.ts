import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseEntityTag, parseEntityTags, sameStrongly, sameWeakly } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

const strong = (opaque: string) => ({ weak: false, opaque })
const weak = (opaque: string) => ({ weak: true, opaque })

describe('ETag', () => {
  const rows: readonly (readonly [field: string | undefined, tag: ReturnType<typeof strong> | undefined])[] =
    [
      [undefined, undefined],
      ['"abc"', strong('abc')],
      ['W/"abc"', weak('abc')],
      ['""', strong('')],
      ['W/""', weak('')],
      ['"a,b"', strong('a,b')],
      // A backslash escapes nothing.
      ['"a\\"', strong('a\\')],
      ['"\u00fc\u0080"', strong('\u00fc\u0080')],
      ['w/"abc"', undefined],
      ['W"abc"', undefined],
      ['W\\"abc"', undefined],
      ['abc', undefined],
      ['"abc', undefined],
      ['abc"', undefined],
      ['"a b"', undefined],
      ['"a"b"', undefined],
      [' "abc"', undefined],
      ['"abc", "def"', undefined],
      ['"abc"\n', undefined],
      ['*', undefined],
      ['', undefined],
    ]
  for (const [field, tag] of rows) {
    it(JSON.stringify(field ?? 'none'), () => assert.deepEqual(parseEntityTag(field), tag))
  }
})

describe('If-None-Match and If-Match', () => {
  const rows: readonly (readonly [field: string, tags: ReturnType<typeof parseEntityTags>])[] = [
    ['*', '*'],
    [' * ', '*'],
    ['"a"', [strong('a')]],
    ['"a", W/"b","c"', [strong('a'), weak('b'), strong('c')]],
    [' ,, "a" ,\t"b",', [strong('a'), strong('b')]],
    ['"a,b", "c"', [strong('a,b'), strong('c')]],
    ['"a\\", "b"', [strong('a\\'), strong('b')]],
    ['', []],
    [',', []],
    // Malformed members are passed over; * is no member.
    ['a, "b"', [strong('b')]],
    ['"a" "b", "c"', [strong('c')]],
    ['"a b", "c"', [strong('c')]],
    ['w/"a", "b"', [strong('b')]],
    ['"a", *', [strong('a')]],
    ['*, "a"', [strong('a')]],
    ['"a", "b', [strong('a')]],
  ]
  for (const [field, tags] of rows) {
    it(JSON.stringify(field), () => assert.deepEqual(parseEntityTags(field), tags))
  }

  const tag = fc
    .tuple(fc.boolean(), fc.stringMatching(/^[!#-~\x80-\xff]{0,6}$/))
    .map(([weak, opaque]) => ({ weak, opaque }))
  const written = (each: { weak: boolean; opaque: string }): string =>
    `${each.weak ? 'W/' : ''}"${each.opaque}"`

  it('hold what was written', () => {
    fc.assert(
      fc.property(fc.array(tag), fc.constantFrom(',', ', ', ' ,\t', ',,'), (tags, comma) => {
        assert.deepEqual(parseEntityTags(tags.map(written).join(comma)), tags)
        for (const each of tags) assert.deepEqual(parseEntityTag(written(each)), each)
      }),
    )
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['W/', '"a', '",', '"a" ', ' "', ', "', '"a\\", '])) {
      parseEntityTag(field)
      parseEntityTags(field)
    }
  })
})

describe('comparison of entity tags', () => {
  // The table of RFC 9110 section 8.8.3.2.
  const rows = [
    [weak('1'), weak('1'), false, true],
    [weak('1'), weak('2'), false, false],
    [weak('1'), strong('1'), false, true],
    [strong('1'), strong('1'), true, true],
    [strong('1'), strong('2'), false, false],
  ] as const
  for (const [a, b, strongly, weakly] of rows) {
    it(`${JSON.stringify(a)} and ${JSON.stringify(b)}`, () => {
      assert.deepEqual([sameStrongly(a, b), sameStrongly(b, a)], [strongly, strongly])
      assert.deepEqual([sameWeakly(a, b), sameWeakly(b, a)], [weakly, weakly])
    })
  }
})
