import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { type Encodings, HeaderMap, keepEncodings, millrace, type Reply, reply, Stem } from '@millrace/core'
import { type FakeRequest, fakeExchange, VirtualClock } from '@millrace/testing'
import { codersOf } from '../src/coder.ts'
import { qualities } from '../src/coding.ts'
import {
  type CompressOptions,
  type CompressRule,
  compress,
  encoded,
  type Level,
  type Skip,
  skipped,
} from '../src/index.ts'

const text = 'All work and no play makes Jack a dull boy. '.repeat(50)

const page = (
  fields: Readonly<Record<string, string>> = {},
  body: Parameters<typeof reply>[2] = text,
): Reply => reply(200, { 'content-type': 'text/plain', ...fields }, body)

interface Run {
  readonly rule?: { readonly compress: true | Level | CompressRule }
  readonly options?: CompressOptions
  readonly request?: FakeRequest
  readonly accept?: string
}

const run = async (
  answer: Reply,
  { rule = { compress: true }, options, request, accept = 'gzip' }: Run = {},
) => {
  const mill = millrace({ plugins: [compress(options)], routes: { '/**': rule } })
  const exchange = fakeExchange({
    handler: () => answer,
    ...request,
    headers: { 'accept-encoding': accept, ...request?.headers },
  })
  return mill.match('GET', '/').run(exchange)
}

const bytesOf = (given: Reply): Uint8Array => {
  assert.ok(given.body instanceof Uint8Array)
  return given.body
}

describe('a whole body', () => {
  it('is encoded, with a head that fits', async () => {
    const given = await run(page({ 'content-length': String(text.length), etag: '"a"' }))
    assert.equal(zlib.gunzipSync(bytesOf(given)).toString(), text)
    assert.deepEqual(
      [...given.headers],
      [
        ['content-type', 'text/plain'],
        ['content-length', String(bytesOf(given).byteLength)],
        ['etag', 'W/"a"'],
        ['Content-Encoding', 'gzip'],
        ['vary', 'Accept-Encoding'],
      ],
    )
  })

  for (const level of ['fast', 'balanced', 'maximum', { gzip: 3 }] as const) {
    it(`is encoded at a level: ${JSON.stringify(level)}`, async () => {
      const given = await run(page(), { rule: { compress: typeof level === 'string' ? level : { level } } })
      const expected = zlib.gzipSync(text, {
        level: typeof level === 'string' ? qualities[level].gzip : level.gzip,
      })
      assert.deepEqual(Buffer.from(bytesOf(given)), expected)
    })
  }

  it('is the same from another thread', async () => {
    const large = text.repeat(200)
    const given = await run(page({}, large))
    assert.equal(zlib.gunzipSync(bytesOf(given)).toString(), large)
  })

  it('stays as it is when that makes it no smaller', async () => {
    const noise = crypto.getRandomValues(new Uint8Array(2000))
    const given = await run(page({}, noise))
    assert.equal(given.body, noise)
    assert.equal(given.headers.get('content-encoding'), undefined)
    assert.equal(given.headers.get('vary'), 'Accept-Encoding')
  })

  it('is encoded all the same for who cannot read it plain', async () => {
    const given = await run(page({}, 'tiny'), { accept: 'gzip, identity;q=0' })
    assert.equal(zlib.gunzipSync(bytesOf(given)).toString(), 'tiny')
  })
})

describe('what is left alone', () => {
  const rows: readonly (readonly [what: string, answer: () => Reply, why: Skip, vary: boolean, run?: Run])[] =
    [
      ['a small body', () => page({}, 'x'.repeat(499)), 'size', true],
      [
        'a stream that is said to be small',
        () => page({ 'content-length': '9' }, new Blob(['x']).stream()),
        'size',
        true,
      ],
      ['one that nobody asked for', () => page(), 'client', true, { accept: '' }],
      ['one that cannot be had', () => page(), 'client', true, { accept: 'identity;q=0' }],
      ['a picture', () => page({ 'content-type': 'image/png' }), 'type', false],
      [
        'a part',
        () => reply(206, { 'content-type': 'text/plain', 'content-range': 'bytes 0-9/99' }, text),
        'range',
        true,
      ],
      ['what is not to be changed', () => page({ 'cache-control': 'no-transform' }), 'no-transform', false],
      ['what is encoded', () => page({ 'content-encoding': 'br' }), 'encoded', false],
      ['no content', () => reply(204), 'status', false],
      [
        'what the filter takes out',
        () => page(),
        'filter',
        false,
        { rule: { compress: { filter: (exchange) => exchange.path !== '/' } } },
      ],
      ['what does not leave the process', () => page(), 'synthetic', false, { request: { synthetic: {} } }],
    ]
  for (const [what, answer, why, vary, options] of rows) {
    it(what, async () => {
      const events: Skip[] = []
      const stop = skipped.subscribe((event) => events.push(event.why))
      const before = answer()
      const { body } = before
      const given = await run(before, options)
      stop()
      assert.deepEqual(events, [why])
      assert.equal(given.body, body)
      assert.equal(given.headers.get('vary'), vary ? 'Accept-Encoding' : undefined)
    })
  }

  it('the filter may throw', async () => {
    const filter = (): boolean => {
      throw new Error('no')
    }
    await assert.rejects(run(page(), { rule: { compress: { filter } } }), /no/)
  })

  it('a 406 is for who wants neither, where the rule says so', async () => {
    const rule = { compress: { strict: true, encodings: ['br'] } } as const
    const given = await run(page(), { rule, accept: 'gzip, identity;q=0' })
    assert.equal(given.status, 406)
    assert.equal(given.headers.get('accept-encoding'), 'br')
    assert.equal((await run(page(), { rule, accept: 'gzip' })).status, 200)
    assert.equal((await run(page(), { rule, accept: 'br, identity;q=0' })).status, 200)
  })
})

describe('heads alone', () => {
  it('an answer to HEAD says what one to GET would', async () => {
    const given = await run(page({ 'content-length': '5000', etag: '"a"', 'accept-ranges': 'bytes' }, null), {
      request: { method: 'HEAD' },
    })
    assert.deepEqual(
      [...given.headers],
      [
        ['content-type', 'text/plain'],
        ['etag', 'W/"a"'],
        ['Content-Encoding', 'gzip'],
        ['vary', 'Accept-Encoding'],
      ],
    )
  })

  it('a 304 says the entity tag that the client has', async () => {
    const given = await run(reply(304, { etag: '"a"' }), {
      request: { headers: { 'if-none-match': 'W/"a"' } },
    })
    assert.equal(given.headers.get('etag'), 'W/"a"')
    assert.equal(given.headers.get('vary'), 'Accept-Encoding')
  })
})

describe('a stream', () => {
  it('is encoded as it comes', async () => {
    const given = await run(page({ 'content-length': String(text.length) }, new Blob([text]).stream()))
    assert.ok(given.body !== null && !(given.body instanceof Uint8Array))
    const chunks: Uint8Array[] = []
    for await (const bytes of given.body) chunks.push(bytes)
    assert.equal(zlib.gunzipSync(Buffer.concat(chunks)).toString(), text)
    assert.equal(given.headers.get('content-length'), undefined)
    assert.equal(given.headers.get('content-encoding'), 'gzip')
  })

  it('is closed when the exchange is over', async () => {
    let isLeft = false
    const endless: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: async () => {
          isLeft = true
          return { done: true, value: undefined }
        },
      }),
    }
    const mill = millrace({ plugins: [compress()], routes: { '/**': { compress: true } } })
    const exchange = fakeExchange({
      headers: { 'accept-encoding': 'gzip' },
      handler: () => page({}, endless),
    })
    const given = await mill.match('GET', '/').run(exchange)
    assert.ok(given.body !== null && !(given.body instanceof Uint8Array))
    const reading = given.body[Symbol.asyncIterator]().next()
    exchange.leave()
    await assert.rejects(reading)
    assert.equal(isLeft, true)
  })
})

describe('once', () => {
  const keep = (body: Uint8Array): Map<string, Uint8Array> => {
    const beside = new Map<string, Uint8Array>()
    const encodings: Encodings = {
      get: (coding) => beside.get(coding),
      set: (coding, bytes) => void beside.set(coding, bytes),
    }
    keepEncodings(body, encodings)
    return beside
  }

  it('what is kept is encoded once, and lies beside it', async () => {
    const body = Buffer.from(text)
    const beside = keep(body)
    const sources: string[] = []
    const stop = encoded.subscribe(({ source }) => sources.push(source))
    const first = bytesOf(await run(page({}, body)))
    assert.equal(beside.get('gzip'), first)
    assert.equal(bytesOf(await run(page({}, body))), first)
    await run(page({}, body), { accept: 'br' })
    stop()
    assert.deepEqual(sources, ['work', 'kept', 'work'])
    assert.deepEqual([...beside.keys()], ['gzip', 'br'])
  })

  it('a large one once however many ask meanwhile', async () => {
    const body = Buffer.from(text.repeat(200))
    keep(body)
    const mill = millrace({ plugins: [compress()], routes: { '/**': { compress: true } } })
    const ask = () =>
      mill
        .match('GET', '/')
        .run(fakeExchange({ headers: { 'accept-encoding': 'gzip' }, handler: () => page({}, body) }))
    const [one, other] = await Promise.all([ask(), ask()])
    assert.equal(bytesOf(one), bytesOf(other))
  })

  it('the head of what is kept is of one stem, so that it is rendered once', async () => {
    const body = Buffer.from(text)
    keep(body)
    const { headers } = page({ etag: '"a"', 'content-length': String(text.length) })
    const stem = new Stem([...headers.raw])
    const told = [...stem.raw]
    const more = ['Age', '5']
    const ask = (accept: string) => run({ status: 200, headers: new HeaderMap(stem, more), body }, { accept })
    const [one, other] = [await ask('gzip'), await ask('gzip')]
    assert.ok(one.headers.stem !== undefined && one.headers.stem === other.headers.stem)
    assert.equal(one.headers.get('age'), '5')
    assert.equal(one.headers.get('content-length'), String(bytesOf(one).byteLength))
    const [plain, again] = [await ask(''), await ask('')]
    assert.ok(plain.headers.stem !== undefined && plain.headers.stem === again.headers.stem)
    assert.equal(plain.headers.get('content-encoding'), undefined)
    assert.equal(plain.headers.get('vary'), 'Accept-Encoding')
    assert.deepEqual(stem.raw, told)
  })

  it('equal bodies of a handler, where there is a memo', async () => {
    const options = { memo: '1mb' } as const
    const mill = millrace({ plugins: [compress(options)], routes: { '/**': { compress: true } } })
    const sources: string[] = []
    const stop = encoded.subscribe(({ source }) => sources.push(source))
    const ask = (body: string) =>
      mill
        .match('GET', '/')
        .run(fakeExchange({ headers: { 'accept-encoding': 'gzip' }, handler: () => page({}, body) }))
    await ask(text)
    const again = await ask(text)
    await ask(text.toUpperCase())
    stop()
    assert.equal(zlib.gunzipSync(bytesOf(again)).toString(), text)
    assert.deepEqual(sources, ['work', 'memo', 'work'])
  })
})

describe('under load', () => {
  it('the level is lowered, then compression rests, but not for who cannot read the plain body', async () => {
    const clock = new VirtualClock()
    const plugin = compress({ utilization: () => 1 })
    const mill = millrace({ clock, plugins: [plugin], routes: { '/**': { compress: 'maximum' } } })
    await mill.start()
    const ask = async (accept = 'gzip'): Promise<number> => {
      const exchange = fakeExchange({ headers: { 'accept-encoding': accept }, handler: () => page() })
      return bytesOf(await mill.match('GET', '/').run(exchange)).byteLength
    }
    const { maximum, fast } = qualities
    const body = Buffer.from(text)
    const sizes = [maximum, fast].map((quality) => codersOf(quality).gzip.encode(body).byteLength)
    assert.equal(await ask(), sizes[0])
    await clock.advance(3000)
    assert.equal(await ask(), sizes[1])
    assert.equal((await mill.health()).status, 'ok')
    await clock.advance(3000)
    assert.equal(await ask(), text.length)
    assert.equal(await ask('gzip, identity;q=0'), sizes[1])
    assert.equal((await mill.health()).status, 'degraded')
    await mill.stop()
    assert.equal(clock.pending, 0)
  })
})

describe('options', () => {
  it('say what is wrong with them', () => {
    assert.throws(() => compress({ memo: 'much' }), /compress\(\{ memo \}\): expected a size/)
    assert.throws(() => compress({ pressure: { high: 0.5, low: 0.6 } }), /expected 0 < low < high/)
    const rule =
      (options: object): (() => unknown) =>
      () =>
        millrace({ plugins: [compress()], routes: { '/**': { compress: options } } })
    assert.throws(rule({ level: { br: 12 } }), /compress\.level/)
    assert.throws(rule({ encodings: ['gzip', 'gzip'] }), /encodings: expected each once/)
    assert.throws(rule({ encodings: [] }), /encodings/)
    assert.throws(rule({ treshold: 1 }), /treshold/)
  })

  it('explain what they come to', () => {
    const mill = millrace({ plugins: [compress()], routes: { '/**': { compress: 'fast' } } })
    const says = (accept: string) => mill.explain('GET', '/', { 'accept-encoding': accept }).layers[0]?.says
    assert.deepEqual(says('br, gzip'), ['br, at level 1'])
    assert.deepEqual(says(''), ['the plain body'])
    const other = millrace({
      plugins: [compress()],
      routes: {
        '/secret': { compress: { noise: 20 } },
        '/files/**': { compress: { siblings: { root: '.' } } },
      },
    })
    const sayOf = (path: string) =>
      other.explain('GET', path, { 'accept-encoding': 'br, gzip' }).layers[0]?.says
    assert.deepEqual(sayOf('/secret'), ['gzip, at level 6', 'longer by up to 20 bytes at random'])
    assert.deepEqual(sayOf('/files/a'), ['br, at level 4', 'or what lies encoded beside the file'])
  })
})
