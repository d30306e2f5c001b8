import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { HeaderMap, keepEncodings, millrace, type Reply, reply } from '@millrace/core'
import { type FakeRequest, fakeExchange, settled } from '@millrace/testing'
import fc from 'fast-check'
import { dictionaryCodings, qualities } from '../src/coding.ts'
import { Dictionaries } from '../src/dictionaries.ts'
import { Dictionary, isRaw, namedIn, patternOf } from '../src/dictionary.ts'
import { type CompressRule, compress, encoded } from '../src/index.ts'
import { isForAll } from '../src/policy.ts'

const anyPath = patternOf('/*')
assert.ok(anyPath)

/** Undoes what the client would: takes the name off, and decodes against the dictionary. */
const decode = (coding: string | undefined, bytes: Uint8Array, dictionary: Uint8Array): Buffer => {
  const name = hash('sha256', dictionary, 'buffer')
  const heads = { dcz: Buffer.from('5e2a4d1820000000', 'hex'), dcb: Buffer.from('ff444342', 'hex') }
  assert.ok(coding === 'dcz' || coding === 'dcb')
  const head = Buffer.concat([heads[coding], name])
  assert.ok(head.equals(bytes.subarray(0, head.byteLength)))
  const rest = bytes.subarray(head.byteLength)
  // Brotli's is not in the types.
  const options = { dictionary, maxOutputLength: 1e8 }
  return coding === 'dcz' ? zlib.zstdDecompressSync(rest, options) : zlib.brotliDecompressSync(rest, options)
}

const noise = (seed: string, times: number): Buffer =>
  Buffer.from(Array.from({ length: times }, (_, i) => hash('sha256', `${seed} ${i}`)).join('\n'))

describe('a coder with a dictionary', () => {
  const bodies = fc.uint8Array({ maxLength: 3000 })
  for (const coding of dictionaryCodings) {
    it(`${coding}: every body comes out as it went in`, async () => {
      await fc.assert(
        fc.asyncProperty(bodies, bodies, bodies, async (some, shared, other) => {
          const dictionary = new Dictionary(Buffer.concat([Buffer.from('12345678'), some, shared]), anyPath)
          fc.pre(isRaw(dictionary.bytes))
          const body = Buffer.concat([shared, other])
          const coder = dictionary.coder(coding, qualities.balanced)
          for (const bytes of [coder.encode(body), await coder.encodeLater(body)])
            assert.ok(decode(coding, bytes, dictionary.bytes).equals(body))
          const stream = coder.stream()
          stream.end(body)
          assert.ok(decode(coding, Buffer.concat(await stream.toArray()), dictionary.bytes).equals(body))
        }),
        { numRuns: 20 },
      )
    })

    it(`${coding}: what is in it costs next to nothing, however far away`, () => {
      // 2 MB of what does not get smaller.
      const bytes = noise('a', 32_000)
      const coder = new Dictionary(bytes, anyPath).coder(coding, qualities.balanced)
      const body = Buffer.concat([
        bytes.subarray(0, 1_000_000),
        Buffer.from('new'),
        bytes.subarray(1_000_000),
      ])
      const given = coder.encode(body)
      assert.ok(given.byteLength < 20_000, String(given.byteLength))
      assert.ok(decode(coding, given, bytes).equals(body))
    })
  }
})

describe('dictionaries', () => {
  const some = (i: number, length: number): Dictionary =>
    new Dictionary(Buffer.alloc(length, `${i} `), anyPath)

  it('hold so many bytes, and forget what was not used for longest', () => {
    const dictionaries = new Dictionaries(1000)
    const [a, b, c] = [some(1, 400), some(2, 400), some(3, 400)]
    dictionaries.settle('a', a)
    dictionaries.settle('b', b)
    assert.equal(dictionaries.get(a.name), a)
    dictionaries.settle('c', c)
    assert.deepEqual(
      [a, b, c].map(({ name }) => dictionaries.get(name) !== undefined),
      [true, false, true],
    )
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((each) => dictionaries.has(each)),
      [true, false, true, false],
    )
    dictionaries.settle('d', some(4, 1001))
    assert.deepEqual(dictionaries.inspect(), { entries: 2, bytes: 800 })
    dictionaries.settle('again', some(1, 400))
    assert.deepEqual(dictionaries.inspect(), { entries: 2, bytes: 800 })
    assert.ok(dictionaries.has('again'))
  })

  it('are learnt by one at a time', () => {
    const dictionaries = new Dictionaries(1000)
    assert.equal(dictionaries.expect('a'), true)
    assert.equal(dictionaries.expect('a'), false)
    assert.equal(dictionaries.expect('b'), true)
    dictionaries.settle('a', undefined)
    assert.equal(dictionaries.has('a'), false)
    assert.equal(dictionaries.expect('a'), true)
  })

  it('hold a thousand, however small', () => {
    const dictionaries = new Dictionaries(1e6)
    for (let i = 0; i < 1500; i++) dictionaries.settle(String(i), some(i, 20))
    assert.equal(dictionaries.inspect().entries, 1000)
    assert.ok(!dictionaries.has('499') && dictionaries.has('500'))
  })

  const name = hash('sha256', 'a', 'base64')
  for (const [field, known] of [
    [`:${name}:`, name],
    [` :${name}: `, name],
    [name, undefined],
    [`:${name.slice(1)}:`, undefined],
    [`:${name}:, :${name}:`, undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    it(`${field} names ${known === undefined ? 'none' : 'one'}`, () => assert.equal(namedIn(field), known))
  }

  for (const [asked, status, fields, is] of [
    [{}, 200, {}, true],
    [{}, 200, { 'cache-control': 'max-age=60' }, true],
    [{ cookie: 'a=b' }, 200, {}, false],
    [{ authorization: 'x' }, 200, {}, false],
    [{ cookie: 'a=b' }, 200, { 'cache-control': 'public, max-age=60' }, true],
    [{}, 200, { 'cache-control': 'private' }, false],
    [{}, 200, { 'cache-control': 'public, no-store' }, false],
    [{}, 200, { 'set-cookie': 'a=b', 'cache-control': 'public' }, false],
    [{}, 404, {}, false],
    [{}, 206, {}, false],
  ] as const) {
    it(`a ${status} with ${JSON.stringify(fields)} for ${JSON.stringify(asked)} ${is ? 'is' : 'is not'} for all`, () =>
      assert.equal(isForAll(asked, status, HeaderMap.from(fields)), is))
  }
})

describe('a route whose answers are dictionaries', () => {
  const old = noise('old', 500)
  const next = Buffer.concat([noise('new', 3), old.subarray(1000)])
  const named = (bytes: Uint8Array): string => `:${hash('sha256', bytes, 'base64')}:`

  const site = (rule: CompressRule = { dictionary: { match: '/js/*', matchDest: ['script'] } }) => {
    const mill = millrace({
      plugins: [compress()],
      routes: { '/**': { compress: true }, '/js/**': { compress: rule } },
    })
    return {
      mill,
      ask: async (
        url: string,
        body: Uint8Array | AsyncIterable<Uint8Array>,
        headers: FakeRequest['headers'] = {},
        fields: Readonly<Record<string, string>> = {},
      ): Promise<Reply> => {
        const exchange = fakeExchange({
          url,
          headers: { 'accept-encoding': 'gzip, br, dcb, dcz', ...headers },
          handler: () => reply(200, { 'content-type': 'text/javascript', ...fields }, body),
        })
        const given = await mill.match('GET', url).run(exchange)
        if (given.body !== null && !(given.body instanceof Uint8Array)) {
          const chunks: Uint8Array[] = []
          for await (const bytes of given.body) chunks.push(bytes)
          given.body = Buffer.concat(chunks)
        }
        await settled()
        return given
      },
    }
  }
  const bytesOf = ({ body }: Reply): Uint8Array => {
    assert.ok(body instanceof Uint8Array)
    return body
  }

  for (const [how, bodyOf] of [
    ['whole', (bytes: Buffer) => bytes],
    ['as a stream', (bytes: Buffer) => new Blob([new Uint8Array(bytes)]).stream()],
  ] as const) {
    it(`${how}: says so, and the next version is encoded against it`, async () => {
      const { ask } = site()
      const first = await ask('/js/app.1.js', bodyOf(old), {}, { etag: '"1"' })
      assert.equal(first.headers.get('use-as-dictionary'), 'match="/js/*", match-dest=("script")')
      assert.equal(first.headers.get('vary'), 'Available-Dictionary, Accept-Encoding')
      assert.equal(first.headers.get('content-encoding'), 'br')
      for (const coding of dictionaryCodings) {
        const second = await ask(
          '/js/app.2.js',
          bodyOf(next),
          { 'accept-encoding': `gzip, ${coding}`, 'available-dictionary': named(old) },
          { etag: '"2"' },
        )
        assert.equal(second.headers.get('content-encoding'), coding)
        assert.equal(second.headers.get('etag'), 'W/"2"')
        assert.equal(second.headers.get('vary'), 'Available-Dictionary, Accept-Encoding')
        assert.ok(bytesOf(second).byteLength < next.byteLength / 20)
        assert.ok(decode(coding, bytesOf(second), old).equals(next))
      }
    })
  }

  it('is used only by who has it, for what it matches, and takes the coding', async () => {
    const { ask, mill } = site()
    const has = { 'available-dictionary': named(old) }
    const rows: readonly (readonly [string, FakeRequest['headers'], string])[] = [
      ['/js/b.js', {}, 'br'],
      ['/js/b.js', { ...has, 'accept-encoding': 'gzip' }, 'gzip'],
      ['/js/b.js', { ...has, 'accept-encoding': 'gzip, dcz;q=0.5' }, 'gzip'],
      ['/js/b.js', { 'available-dictionary': named(noise('unknown', 9)) }, 'br'],
      ['/css/b.js', has, 'br'],
      ['/js/b.js', has, 'dcz'],
    ]
    const before = await ask('/js/b.js', next, has)
    assert.equal(before.headers.get('content-encoding'), 'br')
    await ask('/js/a.js', old)
    for (const [url, headers, coding] of rows) {
      const given = await ask(url, noise('other', 60), headers)
      assert.equal(given.headers.get('content-encoding'), coding, `${url} ${JSON.stringify(headers)}`)
    }
    assert.ok(JSON.stringify(mill.inspect()).includes('"dictionaries":{"entries":3'))
  })

  it('what is for one client is not kept for others', async () => {
    const { ask } = site()
    const first = await ask('/js/a.js', old, { cookie: 'a=b' })
    assert.equal(first.headers.get('use-as-dictionary'), undefined)
    await ask('/js/a.js', old, {}, { 'cache-control': 'private' })
    const given = await ask('/js/b.js', next, { 'available-dictionary': named(old) })
    assert.equal(given.headers.get('content-encoding'), 'br')
  })

  it('what is cached is encoded once for each dictionary', async () => {
    const { ask } = site()
    await ask('/js/a.js', old)
    const beside = new Map<string, Uint8Array>()
    keepEncodings(next, {
      get: (coding) => beside.get(coding),
      set: (coding, bytes) => void beside.set(coding, bytes),
    })
    const sources: string[] = []
    const stop = encoded.subscribe(({ source, coding }) => sources.push(`${source} ${coding}`))
    const given = await ask('/js/b.js', next, { 'available-dictionary': named(old) })
    assert.equal(bytesOf(await ask('/js/b.js', next, { 'available-dictionary': named(old) })), bytesOf(given))
    assert.ok(
      decode(
        'dcz',
        bytesOf(await ask('/js/b.js', next, { 'available-dictionary': named(next) })),
        next,
      ).equals(next),
    )
    stop()
    assert.deepEqual(sources, ['work dcz', 'kept dcz', 'work dcz'])
  })

  it('says what is wrong with it', () => {
    const rule = (dictionary: CompressRule['dictionary']) => () => site({ dictionary })
    assert.throws(rule({ match: 'js/*' }), /dictionary\.match: expected paths/)
    assert.throws(rule({ match: '/js/(\\d+)' }), /dictionary\.match: expected a URL pattern without regular/)
    assert.throws(rule({ match: '/js/*', matchDest: ['"'] }), /dictionary\.matchDest/)
    assert.throws(() => compress({ dictionaries: 'many' }), /compress\(\{ dictionaries \}\): expected a size/)
  })
})
