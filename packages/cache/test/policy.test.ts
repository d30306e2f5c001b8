import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeaderMap, type RequestHeaders } from '@millrace/core'
import fc from 'fast-check'
import { bypassReason, isConditional, keptFields, keyOf, lifetime, matchesNone } from '../src/policy.ts'

type Fields = Readonly<Record<string, string | readonly string[]>>

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,11}$/)
/** In any mixture of cases: names are matched without. */
const anyCase = (text: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) => [...text].map((char, i) => (upper[i] ? char.toUpperCase() : char.toLowerCase())).join(''))

describe('which requests go around', () => {
  const rows: readonly (readonly [method: string, headers: RequestHeaders, reason: string | undefined])[] = [
    ['GET', {}, undefined],
    ['HEAD', {}, undefined],
    ['GET', { 'cache-control': 'no-cache', pragma: 'no-cache' }, undefined],
    ['GET', { 'if-none-match': '"a"' }, undefined],
    ['GET', { 'content-length': '0' }, undefined],
    ['POST', {}, 'method'],
    ['OPTIONS', {}, 'method'],
    ['get', {}, 'method'],
    ['GET', { authorization: 'Bearer x' }, 'authorization'],
    ['GET', { authorization: '' }, 'authorization'],
    ['HEAD', { cookie: 'a=b' }, 'cookie'],
    ['GET', { cookie: '' }, 'cookie'],
    ['GET', { range: 'bytes=0-1' }, 'range'],
    ['GET', { 'content-length': '2' }, 'content'],
    ['GET', { 'transfer-encoding': 'chunked' }, 'content'],
  ]
  for (const [method, headers, reason] of rows) {
    it(`${method} ${JSON.stringify(headers)}: ${reason ?? 'no'}`, () => {
      assert.equal(bypassReason(method, headers), reason)
    })
  }

  it('knows a conditional request', () => {
    assert.equal(isConditional({}), false)
    assert.equal(isConditional({ 'if-range': '"a"' }), false)
    for (const name of ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since'])
      assert.equal(isConditional({ [name]: '' }), true)
  })
})

describe('the key', () => {
  // Digits and colons are what the key itself is made with.
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('/', ':', '1', '2', 'a', 'b'), maxLength: 6 }),
    fc.string({ maxLength: 30 }),
  )
  // Hosts are matched without case.
  const host = text.map((value) => value.toLowerCase())

  it('is never shared by two different pairs of target and host', () => {
    fc.assert(
      fc.property(text, host, text, host, (url, hostOf, otherUrl, otherHost) => {
        const isSame = url === otherUrl && hostOf === otherHost
        assert.equal(keyOf(url, { host: hostOf }) === keyOf(otherUrl, { host: otherHost }), isSame)
      }),
      { numRuns: 2000 },
    )
  })

  it('is not moved by a shift between target and host', () => {
    fc.assert(
      fc.property(text, host, fc.nat(6), (url, hostOf, by) => {
        const joined = url.toLowerCase() + hostOf
        const at = Math.min(by, joined.length)
        if (at === url.length) return
        const shifted = keyOf(joined.slice(0, at), { host: joined.slice(at) })
        assert.notEqual(keyOf(url.toLowerCase(), { host: hostOf }), shifted)
      }),
    )
  })

  it('folds the case of the host, not of the target', () => {
    assert.equal(keyOf('/a', { host: 'Example.COM' }), keyOf('/a', { host: 'example.com' }))
    assert.notEqual(keyOf('/A', { host: 'example.com' }), keyOf('/a', { host: 'example.com' }))
  })

  it('takes the authority of HTTP/2 for the host', () => {
    assert.equal(keyOf('/a', { ':authority': 'example.com' }), keyOf('/a', { host: 'example.com' }))
    assert.equal(keyOf('/a', {}), keyOf('/a', { host: '' }))
  })
})

describe('how long a reply is kept', () => {
  const of = (status: number, fields: Fields, ttl?: number, preset: Fields = {}): number => {
    const headers = HeaderMap.from({ ...preset, ...fields })
    return lifetime(status, headers, keptFields(headers, HeaderMap.from(preset)), ttl)
  }

  const rows: readonly (readonly [
    what: string,
    status: number,
    fields: Fields,
    ttl: number | undefined,
    kept: number,
  ])[] = [
    ['as the rule says', 200, {}, 5000, 5000],
    ['the rule before the handler', 200, { 'Cache-Control': 'max-age=1' }, 5000, 5000],
    ['for ever', 200, {}, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ['not at all', 200, {}, 0, 0],
    ['nobody says anything', 200, {}, undefined, 0],
    ['max-age', 200, { 'Cache-Control': 'public, max-age=60' }, undefined, 60_000],
    ['max-age in quotes', 200, { 'Cache-Control': 'max-age="60"' }, undefined, 60_000],
    ['s-maxage before max-age', 200, { 'Cache-Control': 'max-age=60, s-maxage=5' }, undefined, 5000],
    ['s-maxage=0 before max-age', 200, { 'Cache-Control': 'max-age=60, s-maxage=0' }, undefined, 0],
    ['longer than a timer', 200, { 'Cache-Control': 'max-age=31536000' }, undefined, 31_536_000_000],
    ['max-age without a number', 200, { 'Cache-Control': 'max-age' }, undefined, 0],
    ['max-age that is none', 200, { 'Cache-Control': 'max-age=soon' }, undefined, 0],
    ['max-age below zero', 200, { 'Cache-Control': 'max-age=-1' }, undefined, 0],
    ['max-age with a fraction', 200, { 'Cache-Control': 'max-age=1.5' }, undefined, 0],
    ['max-age in another notation', 200, { 'Cache-Control': 'max-age=0x10' }, undefined, 0],
    ['two lines', 200, { 'Cache-Control': ['max-age=60', 'private'] }, 5000, 0],
    ['a fresh page of events', 200, { 'Content-Type': 'text/event-stream' }, 5000, 0],
    ['the same with a charset', 200, { 'Content-Type': 'Text/Event-Stream; charset=utf-8' }, 5000, 0],
    ['an empty cookie', 200, { 'Set-Cookie': '' }, 5000, 0],
    ...[200, 203, 300, 301, 308, 410].map((status) => [`${status}`, status, {}, 1, 1] as const),
    ...[100, 201, 202, 204, 205, 206, 302, 303, 304, 307, 400, 401, 403, 404, 405, 416, 500, 501, 503].map(
      (status) => [`${status}`, status, { 'Cache-Control': 'max-age=60' }, 5000, 0] as const,
    ),
  ]
  for (const [what, status, fields, ttl, kept] of rows) {
    it(what, () => assert.equal(of(status, fields, ttl), kept))
  }

  const forbidding = fc.oneof(
    fc.tuple(anyCase('set-cookie'), fc.string()),
    fc.tuple(anyCase('vary'), fc.constantFrom('*', 'Accept', 'Accept-Encoding, Origin')),
    fc.tuple(anyCase('content-encoding'), fc.constantFrom('gzip', 'br', 'identity')),
    fc.tuple(anyCase('content-range'), fc.constant('bytes 0-1/2')),
    fc.tuple(
      anyCase('cache-control'),
      fc
        .tuple(
          fc
            .constantFrom('no-store', 'private', 'no-cache', 'private="x-a"', 'no-cache="set-cookie"')
            .chain(anyCase),
          fc.subarray(['public', 'max-age=60', 's-maxage=60', 'x="a, b"', 'immutable']),
          fc.constantFrom(',', ', ', ' ,', ',,'),
        )
        .chain(([word, others, comma]) =>
          fc
            .shuffledSubarray([word, ...others], { minLength: others.length + 1 })
            .map((all) => all.join(comma)),
        ),
    ),
  )

  it('is nothing, whatever else is said, for what belongs to one client or one variant', () => {
    fc.assert(
      fc.property(
        forbidding,
        fc.array(fc.tuple(token, token), { maxLength: 5 }),
        fc.constantFrom(200, 203, 300, 301, 308, 410),
        fc.option(fc.nat({ max: 1e12 }), { nil: undefined }),
        fc.boolean(),
        ([name, value], others, status, ttl, first) => {
          const headers = new HeaderMap()
          if (first) headers.append(name, value)
          for (const [otherName, otherValue] of others) headers.append(`x-${otherName}`, otherValue)
          if (!first) headers.append(name, value)
          assert.equal(lifetime(status, headers, keptFields(headers, new HeaderMap()), ttl), 0)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('does not look at what middleware further out varies by', () => {
    assert.equal(of(200, {}, 5000, { Vary: 'Origin' }), 5000)
    assert.equal(of(200, { Vary: 'Origin, Accept' }, 5000, { Vary: 'Origin' }), 0)
  })

  it('is nothing when middleware further out sets a cookie', () => {
    assert.equal(of(200, {}, 5000, { 'Set-Cookie': 'session=1' }), 0)
  })
})

describe('which fields are kept', () => {
  const transient = [
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authentication-Info',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Age',
    'Cache-Status',
    'Content-Length',
  ]
  const own = token.map((name) => `X-${name}`)
  const lines = (name: fc.Arbitrary<string>): fc.Arbitrary<(readonly [string, string])[]> =>
    fc.array(fc.tuple(name, token), { maxLength: 6 })

  it('the handler’s own, in their order, and none of the others', () => {
    fc.assert(
      fc.property(
        lines(own),
        lines(fc.constantFrom(...transient).chain(anyCase)),
        fc.uniqueArray(token, { maxLength: 4 }),
        lines(token.map((name) => `P-${name}`)),
        fc.infiniteStream(fc.nat()),
        (owns, transients, nominatedNames, presets, order) => {
          const nominated = nominatedNames.map((name) => `N-${name}`)
          const all = [
            ...transients,
            ...nominated.map((name) => [name.toLowerCase(), 'v'] as const),
            ...presets,
            ['Connection', nominated.join(' , ')] as const,
          ]
          // The handler's own keep their order; the others stand anywhere between.
          const mixed: (readonly [string, string])[] = [...owns]
          for (const line of all) {
            // Lines of one preset field keep theirs as well, or it would be another field.
            if (presets.includes(line)) mixed.push(line)
            else mixed.splice((order.next().value ?? 0) % (mixed.length + 1), 0, line)
          }
          const kept = keptFields(new HeaderMap(mixed.flat()), new HeaderMap(presets.flat()))
          assert.deepEqual(kept, owns.flat())
        },
      ),
      { numRuns: 500 },
    )
  })

  const kept = (headers: Fields, preset: Fields): readonly string[] =>
    keptFields(HeaderMap.from(headers), HeaderMap.from(preset))

  it('what middleware further out set and the handler changed', () => {
    assert.deepEqual(kept({ 'X-Powered-By': 'Express' }, { 'X-Powered-By': 'Express' }), [])
    assert.deepEqual(kept({ 'X-Powered-By': 'me' }, { 'X-Powered-By': 'Express' }), ['X-Powered-By', 'me'])
  })

  it('a field of several lines as a whole, since as a whole it replaces the one that is there', () => {
    assert.deepEqual(kept({ Link: ['<a>', '<b>'] }, { Link: ['<a>', '<b>'] }), [])
    assert.deepEqual(kept({ Link: ['<a>', '<b>'] }, { Link: '<a>' }), ['Link', '<a>', 'Link', '<b>'])
    assert.deepEqual(kept({ Link: ['<b>'] }, { Link: ['<a>', '<b>'] }), ['Link', '<b>'])
  })
})

describe('If-None-Match', () => {
  const rows: readonly (readonly [field: string | undefined, etag: string | undefined, matches: boolean])[] =
    [
      ['"a"', '"a"', true],
      ['W/"a"', '"a"', true],
      ['"a"', 'W/"a"', true],
      ['W/"a"', 'W/"a"', true],
      ['"b"', '"a"', false],
      ['"A"', '"a"', false],
      ['a', '"a"', false],
      ['"x", W/"a" ,"y"', '"a"', true],
      ['"x","y"', '"a"', false],
      ['"x,a"', '"a"', false],
      ['"x, y"', '"x, y"', true],
      ['""', '""', true],
      ['*', '"a"', true],
      [' * ', 'W/"a"', true],
      ['"*"', '"a"', false],
      ['*', undefined, false],
      ['"a"', undefined, false],
      [undefined, '"a"', false],
      ['', '"a"', false],
    ]
  for (const [field, etag, matches] of rows) {
    it(`${field} ${matches ? 'names' : 'does not name'} ${etag}`, () => {
      assert.equal(matchesNone(field, etag), matches)
    })
  }

  it('finds an ETag in any list, by weak comparison, and none that is not in it', () => {
    const opaque = fc.stringMatching(/^[!#-~]{0,8}$/).map((text) => `"${text}"`)
    const weakly = fc.constantFrom('', 'W/')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(weakly, opaque), { maxLength: 5 }),
        weakly,
        opaque,
        fc.constantFrom(',', ', ', ' , '),
        (list, weak, etag, comma) => {
          const field = list.map(([prefix, text]) => prefix + text).join(comma)
          const expected = list.some(([, text]) => text === etag)
          assert.equal(matchesNone(field, weak + etag), expected)
        },
      ),
    )
  })
})
