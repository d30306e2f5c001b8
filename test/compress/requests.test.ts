import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import {
  connect,
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { bodyParser } from '@koa/bodyparser'
import { breaker } from '@millrace/breaker'
import { cache } from '@millrace/cache'
import { type CompressRule, compress, decoded, refused } from '@millrace/compress'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import { VirtualClock } from '@millrace/testing'
import express, { type Request, type Response } from 'express'
import express4 from 'express4'
import Koa, { type Context } from 'koa'
import { throughProgram } from './decode.ts'

type AnyMillrace = Millrace<readonly AnyPlugin[]>

/** Posts to /json are answered with what was parsed, to /pipe with what was sent, to /unread with a word. */
type Host = (mill: AnyMillrace) => RequestListener

const onExpress =
  (create: typeof express): Host =>
  (mill) => {
    const app = create()
    app.set('env', 'test')
    app.use(mountExpress(mill)())
    app.post(
      '/json',
      create.json({ limit: '20mb' }),
      (req: Request, res: Response) => void res.json(req.body),
    )
    app.post('/pipe', (req: Request, res: Response) => void req.pipe(res))
    app.post('/unread', (_req: Request, res: Response) => void res.send('unread'))
    return app
  }

const onKoa: Host = (mill) => {
  const app = new Koa()
  app.silent = true
  app.use(mountKoa(mill)())
  const parse = bodyParser({ jsonLimit: '20mb' })
  app.use(async (ctx: Context) => {
    if (ctx.path === '/json') {
      await parse(ctx, async () => undefined)
      ctx.body = ctx.request.body
    } else ctx.body = ctx.path === '/pipe' ? ctx.req.pipe(new PassThrough()) : 'unread'
  })
  return app.callback()
}

const onListener: Host = (mill) =>
  listener(mill, async (req, res) => {
    if (req.url === '/unread') res.end('unread')
    else if (req.url === '/pipe') req.pipe(res)
    else {
      try {
        const chunks: Uint8Array[] = []
        for await (const chunk of req) chunks.push(chunk)
        res.setHeader('content-type', 'application/json; charset=utf-8').end(Buffer.concat(chunks))
      } catch {
        // As many handlers do.
        res.writeHead(500).end()
      }
    }
  })

const hosts: Readonly<Record<string, Host>> = {
  'Express 5': onExpress(express),
  'Express 4': onExpress(express4),
  Koa: onKoa,
  listener: onListener,
}

const millWith = (requests: NonNullable<CompressRule['requests']> = true): AnyMillrace =>
  millrace({ plugins: [compress({ pressure: false })], routes: { '/**': { compress: { requests } } } })

const serving = async (handle: RequestListener, use: (port: number) => Promise<void>): Promise<void> => {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

interface Answer {
  readonly status: number | undefined
  readonly body: string
  readonly fields: IncomingMessage['headers']
}

const post = async (
  port: number,
  path: string,
  coding: string,
  body: Uint8Array,
  agent?: Agent,
): Promise<Answer> => {
  const headers = { 'content-encoding': coding, 'content-type': 'application/json' }
  const sent = request({
    port,
    host: '127.0.0.1',
    path,
    method: 'POST',
    headers,
    ...(agent && { agent }),
  }).end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const text = String(Buffer.concat(await answer.toArray()))
  return { status: answer.statusCode, body: text, fields: answer.headers }
}

/** Other programs than Node's encode it. */
const programs: Readonly<Record<string, readonly string[]>> = {
  gzip: ['gzip', '-c'],
  br: ['brotli', '-c'],
  zstd: ['zstd', '-c', '-q'],
}

const text = JSON.stringify({ lines: Array.from({ length: 3000 }, (_, i) => `line ${i * i}`) })

for (const [name, host] of Object.entries(hosts))
  describe(name, () => {
    it('reads what curl sends, whoever has encoded it', async () => {
      await serving(host(millWith()), async (port) => {
        for (const [coding, program] of Object.entries(programs)) {
          const encoded = await throughProgram(program, Buffer.from(text))
          if (encoded === undefined) continue
          assert.ok(encoded.byteLength < text.length)
          for (const path of ['json', 'pipe'])
            for (const more of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']]) {
              const fields = ['-H', `Content-Encoding: ${coding}`, '-H', 'Content-Type: application/json']
              const url = `http://127.0.0.1:${port}/${path}`
              const curl = ['curl', '-s', '--data-binary', '@-', ...fields, ...more, url]
              const answer = await throughProgram(curl, encoded)
              assert.ok(answer === undefined || String(answer) === text, `${coding} to ${path} with ${more}`)
            }
        }
      })
    })

    it('answers with what is wrong, and the connection stays', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const sockets = new Set<unknown>()
      const handle = host(millWith({ limit: '2mb' }))
      const gzipped = zlib.gzipSync(text)
      const zeros = zlib.gzipSync(Buffer.alloc(10 * 1024 ** 2))
      await serving(
        (req, res) => {
          sockets.add(req.socket)
          handle(req, res)
        },
        async (port) => {
          for (const path of ['/json', '/unread'])
            for (const [coding, body, status, read] of [
              ['gzip', gzipped, 200, true],
              ['gzip', zeros, 413, true],
              ['gzip, br', zlib.brotliCompressSync(zeros), 413, true],
              ['gzip', Buffer.from(text), 400, true],
              ['gzip', gzipped.subarray(0, -4), 400, true],
              ['br', gzipped, 400, true],
              ['zstd', Buffer.alloc(3 * 1024 ** 2), 413, false],
              ['zip', gzipped, 415, false],
              ['gzip', gzipped, 200, true],
            ] as const) {
              const answer = await post(port, path, coding, body, agent)
              const expected = path === '/unread' && read ? 200 : status
              assert.equal(answer.status, expected, `${coding} to ${path}`)
              if (expected === 200) assert.equal(answer.body, path === '/json' ? text : 'unread')
              else {
                assert.equal(answer.fields['content-type'], 'application/problem+json')
                assert.equal(JSON.parse(answer.body).status, expected)
              }
              assert.equal(answer.fields['accept-encoding'] !== undefined, expected === 415)
            }
        },
      )
      agent.destroy()
      assert.equal(sockets.size, 1)
    })

    it('reads off what is still coming of a body that was refused', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const sockets = new Set<unknown>()
      const handle = host(millWith())
      const large = zlib.gzipSync(randomBytes(4 * 1024 ** 2))
      await serving(
        (req, res) => {
          sockets.add(req.socket)
          handle(req, res)
        },
        async (port) => {
          for (let i = 0; i < 3; i++) {
            const headers = {
              'content-encoding': 'gzip',
              'content-type': 'application/json',
              'transfer-encoding': 'chunked',
            }
            const sent = request({ port, host: '127.0.0.1', path: '/json', method: 'POST', headers, agent })
            sent.write(large.subarray(0, 2 * 1024 ** 2))
            const [answer] = (await once(sent, 'response')) as [IncomingMessage]
            assert.equal(answer.statusCode, 413)
            sent.end(large.subarray(2 * 1024 ** 2))
            await answer.toArray()
            assert.equal((await post(port, '/json', 'gzip', zlib.gzipSync('{"a":1}'), agent)).body, '{"a":1}')
          }
        },
      )
      agent.destroy()
      assert.equal(sockets.size, 1)
    })

    it('takes requests behind each other', async () => {
      await serving(host(millWith()), async (port) => {
        const socket = connectSocket(port, '127.0.0.1')
        const bodies = [zlib.gzipSync('{"a":1}'), Buffer.from('malformed'), zlib.gzipSync('{"a":2}')]
        const piped = [...bodies, zlib.gzipSync('{"a":3}')].flatMap((body, i) => [
          Buffer.from(
            'POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n' +
              `Content-Length: ${body.byteLength}\r\n${i === 3 ? 'Connection: close\r\n' : ''}\r\n`,
          ),
          body,
        ])
        socket.write(Buffer.concat(piped))
        const answers = String(Buffer.concat(await socket.toArray()))
          .split('HTTP/1.1 ')
          .slice(1)
        assert.deepEqual(
          answers.map((answer) => [answer.slice(0, 3), /\{"a":\d\}/.exec(answer)?.[0]]),
          [
            ['200', '{"a":1}'],
            ['400', undefined],
            ['200', '{"a":2}'],
            ['200', '{"a":3}'],
          ],
        )
      })
    })

    it('waits for who sends slowly, and reads what there is meanwhile', async () => {
      await serving(host(millWith()), async (port) => {
        const headers = { 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }
        const sent = request({ port, host: '127.0.0.1', path: '/pipe', method: 'POST', headers })
        const encoder = zlib.createGzip()
        encoder.pipe(sent)
        const answered = once(sent, 'response')
        encoder.write('one')
        encoder.flush()
        const [answer] = (await answered) as [IncomingMessage]
        assert.equal(String((await once(answer, 'data'))[0]), 'one')
        encoder.write('two')
        encoder.flush()
        assert.equal(String((await once(answer, 'data'))[0]), 'two')
        encoder.end('three')
        assert.equal(String(Buffer.concat(await answer.toArray())), 'three')
      })
    })

    it('lets go of what a client sends that leaves', async (t) => {
      const made: zlib.Gunzip[] = []
      const createGunzip = zlib.createGunzip.bind(zlib)
      t.mock.method(zlib, 'createGunzip', () => {
        const decoder = createGunzip()
        made.push(decoder)
        return decoder
      })
      const told: unknown[] = []
      const stops = [
        decoded.subscribe((event) => told.push(event)),
        refused.subscribe((event) => told.push(event)),
      ]
      const encoded = zlib.gzipSync(Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251)))
      await serving(host(millWith()), async (port) => {
        for (let i = 0; i < 10; i++) {
          const socket = connectSocket(port, '127.0.0.1')
          socket.write(
            `POST /${i % 2 ? 'json' : 'pipe'} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
              `Content-Encoding: gzip\r\nContent-Length: ${encoded.byteLength}\r\n\r\n`,
          )
          socket.write(encoded.subarray(0, 1000))
          while (made.length <= i || made[i]?.bytesWritten === 0)
            await new Promise((resolve) => setImmediate(resolve))
          socket.destroy()
        }
        while (!made.every(({ destroyed }) => destroyed))
          await new Promise((resolve) => setImmediate(resolve))
      })
      for (const stop of stops) stop()
      assert.deepEqual([made.length, told], [10, []])
    })
  })

describe('a decoded body', () => {
  it('that turns out to be a bomb when the answer has begun breaks that off', async () => {
    for (const host of Object.values(hosts))
      await serving(host(millWith()), async (port) => {
        const headers = { 'content-encoding': 'gzip' }
        const sent = request({ port, host: '127.0.0.1', path: '/pipe', method: 'POST', headers })
        sent.end(zlib.gzipSync(Buffer.alloc(10 * 1024 ** 2)))
        const [answer] = (await once(sent, 'response')) as [IncomingMessage]
        await assert.rejects(answer.toArray(), { code: 'ECONNRESET' })
      })
  })

  it('comes by HTTP/2 as well, and is refused there', async () => {
    const app = listener(millWith(), async (req: Http2ServerRequest, res: Http2ServerResponse) => {
      res.end(Buffer.concat(await req.toArray().catch(() => [])))
    })
    const server = createHttp2(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const send = async (coding: string, body: Uint8Array): Promise<readonly [unknown, string]> => {
      const stream = client.request({ ':method': 'POST', 'content-encoding': coding }).end(body)
      const [head] = await once(stream, 'response')
      return [head[':status'], String(Buffer.concat(await stream.toArray()))]
    }
    const gzipped = zlib.gzipSync(text)
    assert.deepEqual(await send('gzip', gzipped), [200, text])
    assert.deepEqual(await send('gzip, br', zlib.brotliCompressSync(gzipped)), [200, text])
    assert.equal((await send('gzip', Buffer.from(text)))[0], 400)
    assert.equal((await send('gzip', zlib.gzipSync(Buffer.alloc(10 * 1024 ** 2))))[0], 413)
    assert.equal((await send('zip', gzipped))[0], 415)
    assert.deepEqual(await send('gzip', gzipped), [200, text])
    client.close()
    server.close()
  })

  it('is what the cache knows a request by', async () => {
    let runs = 0
    const mill = millrace({
      plugins: [compress({ pressure: false }), cache()],
      routes: {
        'POST /search': {
          compress: { requests: true },
          cache: { ttl: '1m', body: '1mb' },
        },
      },
    })
    const app = express()
    app.use(mountExpress(mill)())
    app.post('/search', express.json(), (req: Request, res: Response) => {
      runs++
      res.json({ got: req.body })
    })
    await serving(app, async (port) => {
      for (const [coding, encode] of [
        ['gzip', zlib.gzipSync],
        ['br', zlib.brotliCompressSync],
        ['deflate', zlib.deflateSync],
      ] as const)
        assert.equal((await post(port, '/search', coding, encode('{"q":1}'))).body, '{"got":{"q":1}}')
      assert.equal(runs, 1)
      assert.equal((await post(port, '/search', 'gzip', zlib.gzipSync('{"q":2}'))).body, '{"got":{"q":2}}')
      assert.equal((await post(port, '/search', 'gzip', Buffer.from('{"q":1}'))).status, 400)
      assert.equal(runs, 2)
    })
    await mill.stop()
  })

  it('is decoded once, by an inline rule, and by a Millrace around another', async () => {
    const table = millrace({ plugins: [compress({ pressure: false })], routes: {} })
    const use = mountExpress(table)
    const app = express()
    app.use(use())
    app.post(
      '/json',
      use({ compress: { requests: true } }),
      express.json(),
      (req: Request, res: Response) => {
        res.json(req.body)
      },
    )
    const around: RequestListener = listener(millWith(), (req, res) => void app(req, res))
    const events: string[] = []
    const stop = decoded.subscribe(({ coding }) => events.push(coding))
    for (const handle of [app, around])
      await serving(
        (req, res) => void handle(req, res),
        async (port) => assert.equal((await post(port, '/json', 'gzip', zlib.gzipSync(text))).body, text),
      )
    stop()
    assert.deepEqual(events, ['gzip', 'gzip'])
    await table.stop()
  })

  it('may wait for middleware further out that takes its time', async () => {
    const mill = millWith()
    const app = express()
    app.use((req, _res, next) => {
      req.pause()
      setImmediate(() => {
        next()
        req.resume()
      })
    })
    app.use(mountExpress(mill)())
    app.post('/', express.json(), (req: Request, res: Response) => void res.json(req.body))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await serving(app, async (port) => {
      for (const [body, status] of [
        [zlib.gzipSync('{"a":1}'), 200],
        [Buffer.from('{"a":1}'), 400],
        [zlib.gzipSync(Buffer.alloc(10 * 1024 ** 2)), 413],
        [zlib.gzipSync(text), 200],
      ] as const)
        assert.equal((await post(port, '/', 'gzip', body, agent)).status, status)
    })
    agent.destroy()
    await mill.stop()
  })

  it('that is refused says nothing of the handler to its breaker', async () => {
    const clock = new VirtualClock()
    const mill = millrace({
      plugins: [compress({ pressure: false }), breaker()],
      routes: {
        '/**': { compress: { requests: true }, breaker: { timeout: '1s', trip: { consecutive: 2 } } },
      },
      clock,
    })
    const app = express()
    app.use(mountExpress(mill)())
    app.post('/', (req: Request, res: Response) => {
      req
        .on('error', () => undefined)
        .on('end', () => res.end('taken'))
        .resume()
    })
    await serving(app, async (port) => {
      for (let i = 0; i < 5; i++) assert.equal((await post(port, '/', 'gzip', Buffer.from('no'))).status, 400)
      await clock.advance(2000)
      assert.equal((await post(port, '/', 'gzip', zlib.gzipSync('{}'))).body, 'taken')
    })
    await mill.stop()
  })
})
