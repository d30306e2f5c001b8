import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeaderMap } from '@millrace/core'
import fc from 'fast-check'
import { type Coding, codings } from '../src/coding.ts'
import {
  negotiate,
  notModifiedTag,
  obstacle,
  type Skip,
  sayEncoded,
  suffixed,
  weakened,
  withPlainTags,
} from '../src/policy.ts'
import { isOfEvents, worthBy } from '../src/types.ts'

describe('negotiation', () => {
  const rows: readonly (readonly [
    field: string | undefined,
    coding: Coding | undefined,
    plain: boolean,
    offered?: readonly Coding[],
  ])[] = [
    [undefined, undefined, true],
    ['', undefined, true],
    ['gzip', 'gzip', true],
    ['GZip', 'gzip', true],
    ['x-gzip', 'gzip', true],
    ['x-gzip, gzip;q=0', undefined, true],
    ['gzip, deflate, br, zstd', 'zstd', true],
    ['gzip, deflate, br', 'br', true],
    ['gzip, deflate, br, zstd', 'gzip', true, ['gzip', 'br']],
    ['br;q=0.9, gzip;q=1.0', 'gzip', true],
    ['br;q=0.9, gzip;q=0.9', 'br', true],
    ['zstd;q=0, br;q=0, gzip;q=0.001', 'gzip', true],
    ['gzip;q=0', undefined, true],
    ['*', 'zstd', true],
    ['*;q=0', undefined, false],
    ['*;q=0, gzip', 'gzip', false],
    ['*;q=0, identity', undefined, true],
    ['*;q=0.5, zstd;q=0', 'br', true],
    ['identity', undefined, true],
    ['identity, gzip', 'gzip', true],
    ['identity, gzip;q=0.5', undefined, true],
    ['identity;q=0.5, gzip;q=0.5', 'gzip', true],
    ['identity;q=0', undefined, false],
    ['identity;q=0, br', 'br', false],
    ['identity;q=0, compress', undefined, false],
    ['identity;q=0, *;q=0.1', 'zstd', false],
    ['compress, sdch', undefined, true],
    ['gzip;q=nonsense', undefined, true],
    ['gzip;q=1.5, br;q=0.1', 'br', true],
  ]
  for (const [field, coding, plain, offered = codings] of rows) {
    it(`${field ?? 'none'} of ${offered.join()}: ${coding}`, () => {
      assert.deepEqual(negotiate(field, offered), { coding, plain })
    })
  }

  const quality = fc.integer({ min: 0, max: 10 })
  const wishes = fc.uniqueArray(
    fc.tuple(fc.constantFrom(...codings, 'identity', '*', 'compress' as const), quality),
    { selector: ([name]) => name },
  )
  const offers = fc.shuffledSubarray([...codings], { minLength: 1 })

  it('is what the RFC says of each coding by itself', () => {
    fc.assert(
      fc.property(wishes, offers, (wished, offered) => {
        const field = wished.map(([name, q]) => `${name};q=${q / 10}`).join(', ')
        const said = new Map<string, number>(wished)
        const of = (name: string): number | undefined => said.get(name) ?? said.get('*')
        const { coding, plain } = negotiate(field, offered)
        assert.equal(plain, said.get('identity') !== undefined ? said.get('identity') !== 0 : of('*') !== 0)
        const own = coding === undefined ? 0 : (of(coding) ?? 0)
        if (coding !== undefined) {
          assert.ok(own > 0 && own >= (said.get('identity') ?? 0))
          assert.ok(offered.includes(coding))
        }
        for (const [i, other] of offered.entries()) {
          const theirs = of(other) ?? 0
          if (coding === undefined) assert.ok(theirs === 0 || theirs < (said.get('identity') ?? 0))
          else assert.ok(theirs < own || (theirs === own && i >= offered.indexOf(coding)))
        }
      }),
    )
  })

  it('does not mind the order in which a client says it', () => {
    fc.assert(
      fc.property(wishes, offers, (wished, offered) => {
        const field = (names: typeof wished): string =>
          names.map(([name, q]) => `${name};q=${q / 10}`).join(',')
        assert.deepEqual(negotiate(field(wished), offered), negotiate(field(wished.toReversed()), offered))
      }),
    )
  })

  it('takes anything for a field', () => {
    fc.assert(
      fc.property(fc.string(), (field) => {
        const { coding } = negotiate(field, codings)
        assert.ok(coding === undefined || codings.includes(coding))
      }),
    )
  })
})

describe('what is in the way', () => {
  const rows: readonly (readonly [
    status: number,
    fields: Readonly<Record<string, string>>,
    why: Skip | undefined,
  ])[] = [
    [200, { 'content-type': 'application/json' }, undefined],
    [200, { 'content-type': 'text/html; charset=utf-8' }, undefined],
    [404, { 'content-type': 'application/problem+json' }, undefined],
    [500, { 'content-type': 'image/svg+xml' }, undefined],
    [200, { 'content-type': 'text/event-stream' }, undefined],
    [200, { 'content-type': 'application/x-ndjson' }, undefined],
    [200, { 'content-type': 'application/x-map' }, undefined],
    [200, { 'content-type': 'image/png' }, 'type'],
    [200, { 'content-type': 'application/zip' }, 'type'],
    [200, { 'content-type': 'constructor' }, 'type'],
    [200, {}, 'type'],
    [204, { 'content-type': 'text/plain' }, 'status'],
    [205, { 'content-type': 'text/plain' }, 'status'],
    [304, { 'content-type': 'text/plain' }, 'status'],
    [206, { 'content-type': 'text/plain', 'content-range': 'bytes 0-1/9' }, 'range'],
    [206, { 'content-type': 'multipart/byteranges; boundary=a' }, 'type'],
    [416, { 'content-type': 'text/plain', 'content-range': 'bytes */9' }, 'range'],
    [200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, 'encoded'],
    [200, { 'content-type': 'text/plain', 'content-encoding': 'aws-chunked' }, 'encoded'],
    [200, { 'content-type': 'text/plain', 'content-encoding': 'identity' }, undefined],
    [200, { 'content-type': 'text/plain', 'cache-control': 'public, No-Transform' }, 'no-transform'],
    [200, { 'content-type': 'text/plain', 'cache-control': 'x="no-transform"' }, undefined],
  ]
  for (const [status, fields, why] of rows) {
    it(`${status} ${JSON.stringify(fields)}: ${why}`, () => {
      assert.equal(obstacle(status, HeaderMap.from(fields), worthBy(['application/x-map'])), why)
    })
  }

  it('events are told by their type', () => {
    assert.equal(isOfEvents('Text/Event-Stream; charset=utf-8'), true)
    assert.equal(isOfEvents('application/x-ndjson'), true)
    assert.equal(isOfEvents('text/plain'), false)
  })
})

describe('the head of an encoded reply', () => {
  it('says the coding, and nothing that was true of the plain bytes alone', () => {
    const headers = HeaderMap.from({
      'Content-Type': 'text/plain',
      ETag: '"abc"',
      Vary: 'Accept, accept-encoding',
      'Accept-Ranges': 'bytes',
      'Content-Digest': 'sha-256=:AA==:',
      'Repr-Digest': 'sha-256=:AA==:',
      Digest: 'SHA-256=AA==',
      'Content-MD5': 'AA==',
    })
    sayEncoded(headers, 'br', weakened)
    assert.deepEqual(
      [...headers],
      [
        ['Content-Type', 'text/plain'],
        ['ETag', 'W/"abc"'],
        ['Vary', 'Accept, accept-encoding'],
        ['Content-Encoding', 'br'],
      ],
    )
  })

  it('takes the place of a coding that is none, and leaves a Vary of everything', () => {
    const headers = HeaderMap.from({ 'content-encoding': 'identity', vary: '*' })
    sayEncoded(headers, 'gzip', weakened)
    assert.deepEqual(
      [...headers],
      [
        ['content-encoding', 'gzip'],
        ['vary', '*'],
      ],
    )
  })

  for (const [etag, weak] of [
    ['"a"', 'W/"a"'],
    ['W/"a"', 'W/"a"'],
    ['""', 'W/""'],
    ['broken', 'broken'],
  ] as const) {
    it(`${etag} becomes ${weak}`, () => assert.equal(weakened(etag, 'br'), weak))
  }

  for (const [etag, strong] of [
    ['"a"', '"a-br"'],
    ['W/"a"', 'W/"a"'],
    ['""', '"-br"'],
    ['broken', 'broken'],
  ] as const) {
    it(`${etag} of one coding is ${strong}`, () => assert.equal(suffixed(etag, 'br'), strong))
  }

  for (const [etag, asked, said] of [
    ['"a"', '"a-br"', '"a-br"'],
    ['"a"', '"a-gzip", "a-br"', '"a-gzip"'],
    ['"a"', '"a-zstd"', '"a"'],
    ['"a"', '"a", W/"a-br"', '"a"'],
    ['"a"', 'W/"a"', 'W/"a"'],
    ['W/"a"', '"a-br"', 'W/"a"'],
  ] as const) {
    it(`a 304 with ${etag} for ${asked} says ${said}, where tags are made for gzip and br`, () =>
      assert.equal(notModifiedTag(etag, asked, ['gzip', 'br']), said))
  }

  for (const [asked, known] of [
    ['"a-br"', '"a-br", "a"'],
    ['"a-br-br"', '"a-br-br", "a-br"'],
    ['W/"b", "a-gzip", "c-br"', 'W/"b", "a-gzip", "c-br", "a", "c"'],
    ['"a-b,r-br"', '"a-b,r-br", "a-b,r"'],
    ['"-br"', '"-br", ""'],
    ['"a-zstd"', undefined],
    ['W/"a-br"', undefined],
    ['"a"', undefined],
    ['*', undefined],
    ['a-br', undefined],
  ] as const) {
    it(`the handler is asked for ${asked} by ${known ?? 'the same'}`, () => {
      for (const name of ['if-none-match', 'if-match']) {
        const headers = withPlainTags({ accept: '*/*', [name]: asked }, ['br', 'gzip'])
        assert.deepEqual(headers, known && { accept: '*/*', [name]: known })
      }
    })
  }

  it('conditions on parts stay as they are, and so does a request without any', () => {
    assert.equal(withPlainTags({ 'if-range': '"a-br"' }, ['br']), undefined)
    assert.equal(withPlainTags({}, ['br']), undefined)
  })

  for (const [etag, asked, said] of [
    ['"a"', 'W/"a"', 'W/"a"'],
    ['"a"', '"b", W/"a"', 'W/"a"'],
    ['"a"', '"a"', '"a"'],
    ['"a"', 'W/"a", "a"', '"a"'],
    ['"a"', '*', '"a"'],
    ['"a"', undefined, '"a"'],
    ['W/"a"', '"a"', 'W/"a"'],
    ['broken', 'W/"a"', 'broken'],
  ] as const) {
    it(`a 304 with ${etag} for ${asked} says ${said}`, () => assert.equal(notModifiedTag(etag, asked), said))
  }
})
