import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import zlib from 'node:zlib'
import { ZlibHandles } from '../leaks/zlib-handles.ts'
import { type Coding, decode } from './decode.ts'
import type { Said, Scene, Served } from './hosts.ts'
import type { PeerName, Wish } from './peers.ts'

/** What a check has at hand. */
export interface Bench {
  /** An app with the compressor that is tried. */
  serve(scene: Scene, wish?: Wish): Promise<Served>
  /** Fails when it takes too long. */
  within<T>(what: Promise<T>): Promise<T>
  /** Settles when it is so; fails as `within` does. */
  until(isSo: () => boolean): Promise<void>
}

/** A mistake that compressors have made. */
export interface Defect {
  /** What is right. */
  readonly title: string
  /** Who told of it. */
  readonly told: string
  /** Who makes it, in the versions that are installed. */
  readonly has: readonly PeerName[]
  /** Who made it, up to which version. */
  readonly had?: string
  /** The mistake is in what a handler may do with Node's response, which others than `compression` do not give it. */
  readonly onResponse?: true
  /** Fails where the mistake is made. */
  check(bench: Bench): Promise<void>
}

const text = 'It is a truth universally acknowledged. '.repeat(200)
const bytes = Buffer.from(text)
const gzip = { 'accept-encoding': 'gzip' }

const page = (fields: Said['fields'] = {}, how: Said['how'] = 'whole'): Said => ({
  fields: { 'content-type': 'text/plain', ...fields },
  chunks: [bytes],
  how,
})

/** @returns the answer, of which nothing has been read */
const begin = async (
  { port }: Served,
  headers: Readonly<Record<string, string>>,
): Promise<IncomingMessage> => {
  const asked = request({ port, host: '127.0.0.1', path: '/', agent: false, headers }).end()
  asked.on('error', () => undefined)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.on('error', () => undefined)
  return answer
}

const decoderOf = (coding: string | undefined): NodeJS.ReadWriteStream | undefined =>
  coding === undefined ? undefined : coding === 'gzip' ? zlib.createGunzip() : assert.fail(coding)

/** Writes go to the client one by one: each is awaited there before the next is made. */
const arrives = async (
  bench: Bench,
  type: string,
  parts: readonly string[],
  wish: Wish = {},
): Promise<void> => {
  const steps = parts.map(() => Promise.withResolvers<void>())
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const [i, part] of parts.entries()) {
      yield Buffer.from(part)
      await steps[i]?.promise
    }
  }
  const served = await bench.serve({ fields: { 'content-type': type }, source }, wish)
  const answer = await bench.within(begin(served, gzip))
  const decoder = decoderOf(answer.headers['content-encoding'])
  const decoded = decoder ? answer.pipe(decoder) : answer
  for (const [i, part] of parts.entries()) {
    let got = ''
    while (got.length < part.length) got += String((await bench.within(once(decoded, 'data')))[0])
    assert.equal(got, part)
    steps[i]?.resolve()
  }
}

const onResponse =
  (use: (res: ServerResponse) => void): Scene =>
  (res) => {
    // Koa begins with 404.
    res.statusCode = 200
    res.setHeader('content-type', 'text/plain')
    use(res)
  }

/** Does not get much smaller, so that a compressor cannot keep it to itself. */
const noise = Buffer.from(
  Array.from({ length: 4000 }, (_, i) => createHash('sha256').update(String(i)).digest('hex')).join('\n'),
)

export const defects: readonly Defect[] = [
  {
    title: 'a part is not encoded',
    told: 'field notes r18; @fastify/compress#402, hono#5020',
    has: ['compression'],
    had: 'koa-compress, before 5.2; @fastify/compress, before 9; hono',
    check: async ({ serve }) => {
      const range = { 'content-range': `bytes 0-${bytes.byteLength - 1}/99999` }
      const served = await serve({ ...page(range), status: 206 })
      const answer = await served.ask('/', gzip)
      assert.equal(answer.fields['content-encoding'], undefined)
      assert.equal(answer.body.toString(), text)
    },
  },
  {
    title: 'the entity tag of an encoded body is weak',
    told: 'compression#45, field notes r9 and r20, hono#4848',
    has: ['compression', 'koa-compress', '@fastify/compress'],
    check: async ({ serve }) => {
      const { fields } = await (await serve(page({ etag: '"a"' }))).ask('/', gzip)
      assert.equal(fields['content-encoding'], 'gzip')
      assert.equal(fields.etag, 'W/"a"')
    },
  },
  {
    title: '`no-transform` is obeyed',
    told: 'field notes r20',
    has: ['@fastify/compress'],
    check: async ({ serve }) => {
      const served = await serve(page({ 'cache-control': 'public, no-transform' }))
      const answer = await served.ask('/', gzip)
      assert.equal(answer.fields['content-encoding'], undefined)
      assert.equal(answer.body.toString(), text)
    },
  },
  {
    title: 'the plain body says that others are encoded',
    told: '@fastify/compress#285, hono#5137',
    has: ['@fastify/compress'],
    check: async ({ serve }) => {
      const { fields } = await (await serve(page())).ask('/')
      assert.match(String(fields.vary), /accept-encoding/i)
    },
  },
  {
    title: 'Brotli can be had',
    told: 'compression#71, #150, #156, #158, #172, #194',
    has: ['hono'],
    had: 'compression, before 1.8.0',
    check: async ({ serve }) => {
      const answer = await (await serve(page())).ask('/', { 'accept-encoding': 'br' })
      assert.equal(answer.fields['content-encoding'], 'br')
    },
  },
  {
    title: 'zstd can be had',
    told: 'compression#217, #250',
    has: ['compression', 'hono'],
    check: async ({ serve }) => {
      const answer = await (await serve(page())).ask('/', { 'accept-encoding': 'zstd' })
      assert.equal(answer.fields['content-encoding'], 'zstd')
    },
  },
  {
    title: 'which codings are offered can be chosen',
    told: 'compression#59, #62',
    has: ['compression'],
    check: async ({ serve }) => {
      const served = await serve(page(), { onlyGzip: true })
      const answer = await served.ask('/', { 'accept-encoding': 'zstd, br, deflate, gzip' })
      assert.equal(answer.fields['content-encoding'], 'gzip')
    },
  },
  {
    title: 'Brotli is not at its slowest',
    told: 'koa-compress#121, @fastify/compress#278',
    has: [],
    had: 'koa-compress, before 5; @fastify/compress, before 6',
    check: async ({ serve }) => {
      const answer = await (await serve({ ...page(), chunks: [noise] })).ask('/', { 'accept-encoding': 'br' })
      const slowest = zlib.brotliCompressSync(noise)
      assert.ok(!answer.body.equals(slowest) && answer.body.byteLength >= slowest.byteLength)
    },
  },
  {
    title: 'a client gets what it asked for, whoever asked before',
    told: 'koa-compress#107, #121',
    has: [],
    had: 'koa-compress, before 5',
    check: async ({ serve }) => {
      const served = await serve(page())
      const asked = [
        undefined,
        'gzip',
        'deflate',
        undefined,
        'identity',
        'gzip',
        'deflate',
        'gzip',
        undefined,
      ]
      const answers = await Promise.all(
        asked.map((each) => served.ask('/', each === undefined ? {} : { 'accept-encoding': each })),
      )
      for (const [i, { fields, body }] of answers.entries()) {
        const coding = asked[i] === 'identity' ? undefined : asked[i]
        assert.equal(fields['content-encoding'], coding)
        assert.equal((await decode(coding, body)).toString(), text)
      }
    },
  },
  {
    title: 'a stream comes whole',
    told: 'koa#1913',
    has: [],
    had: 'koa 3.1.0',
    check: async ({ serve, within }) => {
      const { body } = await within((await serve(page({}, 'pipe'))).ask('/', gzip))
      assert.equal((await decode('gzip', body)).toString(), text)
    },
  },
  {
    title: 'bodies of every length come whole where each chunk is flushed',
    told: 'koa-compress#60, #62',
    has: [],
    had: 'koa-compress, before 3',
    check: async ({ serve, within }) => {
      for (const chunks of [[Buffer.from('a')], [bytes], [bytes, noise, bytes]]) {
        const served = await serve({ ...page({}, 'pipe'), chunks }, { flush: true })
        const { fields, body } = await within(served.ask('/', gzip))
        assert.ok((await decode(fields['content-encoding'], body)).equals(Buffer.concat(chunks)))
      }
    },
  },
  {
    title: 'events arrive one by one',
    told: 'compression#56, #75, #103, #114, express-sse#26, expresse#2, #4, sse-express#27, sse-channel#4, field notes r8',
    has: ['compression', 'koa-compress'],
    had: '@fastify/compress, before 8 (#421); hono (#3833)',
    check: (bench) => arrives(bench, 'text/event-stream', ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']),
  },
  {
    title: 'what is written arrives before the end',
    told: 'universal-middleware#143, #144, compression#56',
    has: ['compression', 'koa-compress', '@fastify/compress', 'hono'],
    check: (bench) => arrives(bench, 'text/html', ['<p>first', '<p>second']),
  },
  {
    title: 'an encoder goes with its client',
    told: 'field notes r11 to r15; next.js#89091, #89749, #94919, #96173; @fastify/compress#375, #386, #411',
    // In 9.2.0 the encoder stands behind a stream that looks at the first bytes, and does not hear of the end.
    has: ['@fastify/compress'],
    had: 'compression, before 1.8.2',
    check: async ({ serve, within, until }) => {
      async function* source(): AsyncGenerator<Uint8Array> {
        yield noise
        await new Promise(() => undefined)
      }
      const served = await serve({ fields: { 'content-type': 'text/plain' }, source })
      const handles = new ZlibHandles().watch()
      const leave = async (coding: Coding): Promise<void> => {
        const answer = await begin(served, { 'accept-encoding': coding })
        await once(answer, 'data')
        answer.destroy()
      }
      try {
        await within(Promise.all(Array.from({ length: 20 }, (_, i) => leave(i % 2 ? 'gzip' : 'deflate'))))
        assert.ok(handles.made >= 20)
        await until(() => handles.live === 0)
      } finally {
        handles.stop()
      }
    },
  },
  {
    title: 'callbacks of write and end are called',
    told: 'compression#46, #80, #101, field notes r8',
    has: ['compression'],
    onResponse: true,
    check: async ({ serve, within }) => {
      const written = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<void>()
      const served = await serve(
        onResponse((res) => {
          res.write(text, () => written.resolve())
          res.end('the end', () => ended.resolve())
        }),
      )
      await served.ask('/', gzip)
      await within(Promise.all([written.promise, ended.promise]))
    },
  },
  {
    title: '`end` takes a callback and nothing else',
    told: 'field notes r8',
    has: ['compression'],
    onResponse: true,
    check: async ({ serve, within }) => {
      const ended = Promise.withResolvers<void>()
      const served = await serve(
        onResponse((res) => {
          res.write(text)
          res.end(() => ended.resolve())
        }),
      )
      const asked = within(served.ask('/', gzip))
      await assert.doesNotReject(asked)
      const { status, body } = await asked
      assert.equal(status, 200)
      assert.equal((await decode('gzip', body)).toString(), text)
      await within(ended.promise)
    },
  },
  {
    title: 'a listener of `drain` that was taken away is not called',
    told: 'compression#58, #135, #152, #153, #188',
    has: ['compression'],
    onResponse: true,
    check: async ({ serve, within }) => {
      let called = 0
      const served = await serve(
        onResponse((res) => {
          const listener = (): void => {
            called++
          }
          res.write(noise)
          res.on('drain', listener)
          res.off('drain', listener)
          res.once('drain', () => res.end())
        }),
      )
      const { body } = await within(served.ask('/', gzip))
      assert.ok((await decode('gzip', body)).equals(noise))
      assert.equal(called, 0)
    },
  },
  {
    title: '`drain` comes to who waits for it, each time',
    told: 'compression#58, #135, #152, #153, #188',
    has: ['compression'],
    onResponse: true,
    check: async ({ serve, within }) => {
      const rounds = 40
      let drains = 0
      const served = await serve(
        onResponse((res) => {
          const go = (): void => {
            if (drains === rounds) res.end()
            else if (res.write(noise)) assert.fail('as much as this was to be held back')
            else {
              drains++
              res.once('drain', go)
            }
          }
          go()
        }),
      )
      const warned: string[] = []
      const onWarning = ({ name }: Error): void => {
        warned.push(name)
      }
      process.on('warning', onWarning)
      const { body } = await within(served.ask('/', gzip))
      await setImmediate()
      process.off('warning', onWarning)
      assert.equal((await decode('gzip', body)).byteLength, rounds * noise.byteLength)
      assert.deepEqual(warned, [])
    },
  },
  {
    title: 'fields that `writeHead` is given as a list are kept',
    told: 'CVE-2025-7339',
    has: [],
    had: 'compression, before 1.8.1',
    onResponse: true,
    check: async ({ serve }) => {
      const served = await serve((res) => {
        res.setHeader('x-a', '1')
        res.writeHead(201, ['Content-Type', 'text/plain', 'X-B', '2'])
        res.end(text)
      })
      const { status, fields, body } = await served.ask('/', gzip)
      assert.equal(status, 201)
      assert.equal(fields['content-type'], 'text/plain')
      assert.equal(fields['x-b'], '2')
      assert.equal((await decode(fields['content-encoding'], body)).toString(), text)
    },
  },
]
