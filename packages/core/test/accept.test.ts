import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseAccept } from '../src/index.ts'
import { hostileFields } from './hostile.ts'

describe('Accept and its like', () => {
  const rows: readonly (readonly [
    field: string | undefined,
    members: readonly (readonly [value: string, quality: number])[],
  ])[] = [
    [undefined, []],
    ['', []],
    [' , ,', []],
    [
      'gzip, deflate, br, zstd',
      [
        ['gzip', 1],
        ['deflate', 1],
        ['br', 1],
        ['zstd', 1],
      ],
    ],
    [
      'BR;q=1.0,gzip ; Q=0.8\t;, *;q=0',
      [
        ['br', 1],
        ['gzip', 0.8],
        ['*', 0],
      ],
    ],
    [
      'de-CH, de;q=0.9, *;q=0.125',
      [
        ['de-ch', 1],
        ['de', 0.9],
        ['*', 0.125],
      ],
    ],
    [
      'Text/HTML;Level=1;q=0.4, text/*;q=0.3;x="A, b;c\\"", */*;q=0.',
      [
        ['text/html;level=1', 0.4],
        ['text/*;x="A, b;c\\""', 0.3],
        ['*/*', 0],
      ],
    ],
    ['gzip;q=0.8;q=0.9, br', [['br', 1]]],
    // Malformed weights and members are left out.
    ['a;q=1.5, b;q=-1, c;q=.5, d;q=0.1234, e;q=1.001, f;q=x, g;q, h;q=, i;q="1", j;q = 1, k', [['k', 1]]],
    ['gzip br, deflate', [['deflate', 1]]],
    ['text/html/x, a/, /b, text/html', [['text/html', 1]]],
    [';q=1, gzip', [['gzip', 1]]],
    ['gz\u00efp, "gzip", gzip', [['gzip', 1]]],
    ['br, "gzip', [['br', 1]]],
    ['constructor, __proto__;q=0.5', JSON.parse('[["constructor", 1], ["__proto__", 0.5]]')],
  ]
  for (const [field, members] of rows) {
    it(JSON.stringify(field ?? 'none'), () =>
      assert.deepEqual(
        parseAccept(field),
        members.map(([value, quality]) => ({ value, quality })),
      ),
    )
  }

  it('hold what was written', () => {
    const value = fc.stringMatching(/^(?:\*|[a-z][a-z0-9-]{0,6}(?:\/[a-z*]{1,3})?)$/)
    const member = fc.tuple(value, fc.nat(1000))
    fc.assert(
      fc.property(fc.array(member), fc.constantFrom('', ' ', '\t'), (members, space) => {
        const field = members
          .map(([text, q]) => `${space}${text}${space};${space}q=${(q / 1000).toFixed(3)}${space}`)
          .join(',')
        assert.deepEqual(
          parseAccept(field),
          members.map(([text, q]) => ({ value: text, quality: q / 1000 })),
        )
      }),
    )
  })

  it('may be a hostile megabyte', () => {
    for (const field of hostileFields(['a,', 'a;', ';q=1', '; ', 'a="', 'a="\\"";', '/', 'a ', 'q=0.'])) {
      for (const { quality } of parseAccept(`a;b="${field}`)) assert(quality >= 0 && quality <= 1)
      for (const { quality } of parseAccept(field)) assert(quality >= 0 && quality <= 1)
    }
  })
})
