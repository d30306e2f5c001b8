import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseTracestate } from '../src/tracestate.ts'

const many = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=${i}`).join(',')

describe('a tracestate', () => {
  for (const [field, kept] of [
    ['foo=1,bar=2', 'foo=1,bar=2'],
    ['foo=1 \t , \t bar=2, \t baz=3', 'foo=1,bar=2,baz=3'],
    ['foo=1,,bar=2,', 'foo=1,bar=2'],
    ['a@b=1,0tenant@system=x y', 'a@b=1,0tenant@system=x y'],
    [`${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
    [`${'t'.repeat(241)}@${'v'.repeat(14)}=1`, `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    [many(32), many(32)],
  ] as const) {
    it(`is read: ${field.slice(0, 60)}`, () => assert.equal(parseTracestate(field)?.serialize(), kept))
  }

  for (const field of [
    '',
    ' , ',
    'foo',
    '=1',
    'foo=',
    'foo=,bar=3',
    'foo=bar=baz',
    'foo =1',
    'FOO=1',
    'foo.bar=1',
    'foo@=1,bar=2',
    '@foo=1,bar=2',
    'foo@@bar=1,bar=2',
    'foo@bar@baz=1,bar=2',
    'foo=1,foo=2',
    'foo=1,foo=1',
    'foo=\u00e4',
    'foo=1\u00a0',
    `foo=1,${'z'.repeat(257)}=1`,
    `foo=1,${'t'.repeat(242)}@v=1`,
    `foo=1,t@${'v'.repeat(15)}=1`,
    `foo=${'v'.repeat(257)}`,
    many(33),
  ]) {
    it(`is none as a whole: ${field.slice(0, 60)}`, () => assert.equal(parseTracestate(field), undefined))
  }

  it('has what was changed first, and its other members in their order', () => {
    const list = parseTracestate('a=1,b=2,c=3')
    assert.equal(list?.set('b', '4').serialize(), 'b=4,a=1,c=3')
    assert.equal(list?.set('d', '4').get('d'), '4')
    assert.equal(list?.unset('a').serialize(), 'b=2,c=3')
    assert.equal(list?.serialize(), 'a=1,b=2,c=3')
  })

  it('takes nothing illegal', () => {
    const list = parseTracestate('a=1')
    for (const [name, value] of [
      ['A', '1'],
      ['b', ''],
      ['b', '1,c=2'],
      ['b', 'x=y'],
      ['b', 'x\r\ny: z'],
    ] as const) {
      assert.equal(list?.set(name, value).serialize(), 'a=1')
    }
  })

  it('has no more than 32 members: the last one makes room', () => {
    const list = parseTracestate(many(32))?.set('new', '1').serialize().split(',')
    assert.equal(list?.length, 32)
    assert.deepEqual([list?.[0], list?.at(-1)], ['new=1', 'k30=30'])
  })

  it('goes out with 512 characters at most: long members go first, then those at the end', () => {
    const short = (name: string): string => `${name}=${'s'.repeat(60)}`
    const list = [
      short('a'),
      short('b'),
      `long=${'l'.repeat(200)}`,
      ...['c', 'd', 'e', 'f', 'g', 'h'].map(short),
    ]
    assert.equal(
      parseTracestate(list.join(','))?.serialize(),
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
        .map(short)
        .join(',')
        .slice(0, 512)
        .split(',')
        .filter((each) => each.length === 62)
        .join(','),
    )
  })

  const member = fc.tuple(
    fc.stringMatching(/^[a-z][a-z0-9_*/-]{0,20}$/),
    fc.stringMatching(/^[ -+\--<>-~]{0,20}[!-+\--<>-~]$/),
  )
  const lists = fc.uniqueArray(member, { minLength: 1, maxLength: 12, selector: ([name]) => name })

  it('is what it was when it goes on', () => {
    fc.assert(
      fc.property(lists, (members) => {
        // An optional white space in front of a value's first character is the value's.
        const field = members.map(([name, value]) => `${name}=${value}`).join(',')
        assert.equal(parseTracestate(field)?.serialize(), field)
      }),
    )
  })

  it('that is anything at all is none, or legal and bounded', () => {
    const legal = /^[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
    const part = fc.oneof(
      fc.string({ maxLength: 8 }),
      member.map(([name, value]) => `${name}=${value}`),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const field = parseTracestate(parts.join(','))?.serialize()
        if (field === undefined) return
        const members = field.split(',')
        assert.ok(field.length <= 512 && members.length <= 32)
        for (const each of members) assert.match(each, legal)
      }),
      { numRuns: 2000 },
    )
  })
})
