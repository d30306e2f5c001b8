import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseList } from 'structured-headers'
import { type CacheStatus, formatCacheStatus } from '../src/index.ts'

describe('Cache-Status', () => {
  const cache = 'Millrace'
  const rows: readonly (readonly [status: CacheStatus, member: string])[] = [
    [{ cache }, 'Millrace'],
    [{ cache, hit: true, ttl: 376 }, 'Millrace; hit; ttl=376'],
    [{ cache, hit: true, ttl: -412.5 }, 'Millrace; hit; ttl=-413'],
    [{ cache, fwd: 'uri-miss', stored: true }, 'Millrace; fwd=uri-miss; stored'],
    [{ cache, fwd: 'stale', fwdStatus: 304, ttl: 60 }, 'Millrace; fwd=stale; fwd-status=304; ttl=60'],
    [{ cache, fwd: 'miss', collapsed: true }, 'Millrace; fwd=miss; collapsed'],
    [
      { cache, hit: false, stored: false, fwd: 'bypass', detail: 'cookie' },
      'Millrace; fwd=bypass; detail=cookie',
    ],
    // What is said of forwarding has no place beside a hit.
    [{ cache, hit: true, fwd: 'miss', fwdStatus: 200, stored: true, collapsed: true }, 'Millrace; hit'],
    [{ cache, hit: true, ttl: Number.POSITIVE_INFINITY }, 'Millrace; hit; ttl=999999999999999'],
    [{ cache: 'Edge of "x"', hit: true }, '"Edge of \\"x\\""; hit'],
    [{ cache: 'cdn/a:b', hit: true }, 'cdn/a:b; hit'],
    [{ cache: '5', hit: true }, '"5"; hit'],
    [{ cache: '', hit: true }, '""; hit'],
    [{ cache, key: '/a?b="c\\d"' }, 'Millrace; key="/a?b=\\"c\\\\d\\""'],
    [{ cache, key: '/café/\u{1f600}' }, 'Millrace; key="/caf%C3%A9/%F0%9F%98%80"'],
    [{ cache, key: 'a\r\nSet-Cookie: x=1' }, 'Millrace; key="a%0D%0ASet-Cookie: x=1"'],
    [{ cache, key: '\u0000\u007f\ud800' }, 'Millrace; key="%00%7F%EF%BF%BD"'],
    [{ cache, detail: 'too large' }, 'Millrace; detail="too large"'],
  ]
  for (const [status, member] of rows) {
    it(JSON.stringify(status), () => assert.equal(formatCacheStatus(status), member))
  }

  it('is always one member of a list, and says what was meant', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl())
    const time = fc.option(fc.double({ noNaN: true }), { nil: undefined })
    fc.assert(
      fc.property(text, text, text, time, fc.boolean(), (name, key, detail, ttl, hit) => {
        const field = formatCacheStatus({ cache: name, hit, fwd: 'miss', ttl, key, detail })
        assert.match(field, /^[ -~]*$/)
        const [member, ...others] = parseList(field)
        assert.deepEqual(others, [])
        const parameters = member?.[1]
        assert.equal(parameters?.get('hit') ?? false, hit)
        assert.equal(parameters?.has('fwd'), !hit)
        assert.equal(parameters?.has('ttl'), ttl !== undefined)
        if (/^[ -~]*$/.test(key)) assert.equal(parameters?.get('key'), key)
        if (/^[ -~]*$/.test(detail)) assert.equal(String(parameters?.get('detail')), detail)
        if (/^[ -~]*$/.test(name)) assert.equal(String(member?.[0]), name)
      }),
      { numRuns: 2000 },
    )
  })
})
