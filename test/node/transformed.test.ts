import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import {
  type AnyPlugin,
  type Change,
  ClientGoneError,
  type ContentTransform,
  derive,
  type Exchange,
  type Layer,
  type Millrace,
  millrace,
  type Reply,
  reply,
} from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { connect, listener } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import express, { type ErrorRequestHandler, type Request, type Response } from 'express'
import express4 from 'express4'
import fc from 'fast-check'
import Koa from 'koa'
import Koa2 from 'koa2'
import { bytesOf, gather, overHttp2, post, readers, send, split } from './bodies.ts'
import { serving } from './hosts.ts'

type AnyMillrace = Millrace<readonly AnyPlugin[]>

const millWith = (...layers: readonly Layer<Exchange, Reply>[]): AnyMillrace =>
  millrace({
    plugins: layers.map((layer, i) => layerPlugin(`layer${i}`, layer)),
    routes: { '/**': Object.fromEntries(layers.map((_, i) => [`layer${i}`, true])) },
  })

const deriving =
  (change: Change): Layer<Exchange, Reply> =>
  (exchange, next) =>
    next(derive(exchange, change))

const flipped = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte) => byte ^ 255))

/** Another body of the same length, in pieces of its own. */
const flip = (size = 10_007): ContentTransform =>
  async function* (sent) {
    for await (const chunk of sent) yield* split(flipped(chunk), size)
  }

const sizes = [0, 4, 10_000, 1_000_000]

for (const [name, read] of Object.entries(readers)) {
  const app = listener(
    millWith(deriving({ content: flip() })),
    (req: IncomingMessage, res: ServerResponse) => {
      assert.equal(req.readableFlowing, null)
      assert.equal(req.readableDidRead, false)
      assert.equal(req.headers['content-length'], undefined)
      assert.equal(req.headers['transfer-encoding'], 'chunked')
      const closed = once(req, 'close')
      void read(req).then(async (bytes) => {
        assert.equal(req.complete, true)
        assert.equal(req.readableEnded, true)
        await closed
        assert.equal(req.aborted, false)
        res.end(bytes.toString('base64'))
      })
    },
  )

  test(`a handler that reads by ${name} reads what was made of the content`, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await serving(app, async (origin) => {
      for (const size of sizes) {
        const bytes = bytesOf(size)
        for (const headers of [{ 'Content-Length': size }, { 'Transfer-Encoding': 'chunked' }]) {
          for (const chunks of [[bytes], split(bytes, 30_000)]) {
            const { body } = await send(origin, chunks, { headers, agent })
            assert.ok(Buffer.from(body, 'base64').equals(flipped(bytes)), `${size} bytes came as others`)
          }
        }
      }
    })
    agent.destroy()
  })
}

const onExpress =
  (create: typeof express) =>
  (mill: AnyMillrace): RequestListener => {
    const app = create()
    app.use(mountExpress(mill)())
    app.use(create.json({ limit: '10mb' }))
    app.post('/', (req: Request, res: Response) => void res.json(req.body))
    const fail: ErrorRequestHandler = (
      { status, message }: { status: number; message: string },
      _,
      res,
      __,
    ) => {
      res.status(status).send(`${message}!`)
    }
    app.use(fail)
    return app
  }

const onKoa =
  (create: () => Koa) =>
  (mill: AnyMillrace): RequestListener => {
    const app = create()
    app.silent = true
    app.use(mountKoa(mill)())
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        if (!(error instanceof Error) || !('status' in error)) throw error
        ctx.status = Number(error.status)
        ctx.body = `${error.message}!`
      }
    })
    app.use(bodyParser({ jsonLimit: '10mb' }))
    app.use((ctx) => {
      ctx.body = ctx.request.body
    })
    return app.callback()
  }

const json = { 'Content-Type': 'application/json' }

for (const [name, app] of [
  ['Express 5', onExpress(express)],
  ['Express 4', onExpress(express4)],
  ['Koa 3', onKoa(() => new Koa())],
  ['Koa 2', onKoa(() => new Koa2())],
] as const)
  describe(`a body parser on ${name}`, () => {
    test('reads what was made of the content, and of the content of an injected request', async () => {
      const mill = millWith(async (exchange, next) => {
        if (exchange.headers['x-inject'] === undefined) return next(derive(exchange, { content: flip() }))
        const { status, body } = await exchange.inject({
          method: 'POST',
          url: '/',
          headers: { 'content-type': 'application/json' },
          body: flipped(Buffer.from('{"a":1}')),
          cause: {},
        })
        return reply(status, {}, body)
      })
      await serving(app(mill), async (origin) => {
        for (const size of [1, 50_000, 1_000_000]) {
          const text = JSON.stringify({ text: 'é'.repeat(size / 2) })
          const sent = split(flipped(Buffer.from(text)), 60_000)
          assert.deepEqual(await send(origin, sent, { headers: json }), { status: 200, body: text })
        }
        const injected = await send(origin, [], { headers: { 'x-inject': '1' } })
        assert.deepEqual(injected, { status: 200, body: '{"a":1}' })
      })
    })

    test('fails as the transform does, and the connection stays', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const sockets = new Set<unknown>()
      const mill = millWith(
        deriving({
          async *content(sent) {
            for await (const chunk of sent) {
              yield chunk
              throw Object.assign(new Error('no more'), { status: 418, expose: true })
            }
          },
        }),
      )
      const handle = app(mill)
      await serving(
        (req, res) => {
          sockets.add(req.socket)
          handle(req, res)
        },
        async (origin) => {
          for (const size of [100, 1_000_000, 100]) {
            const sent = split(Buffer.from(JSON.stringify('x'.repeat(size))), 60_000)
            assert.deepEqual(await send(origin, sent, { headers: json, agent }), {
              status: 418,
              body: 'no more!',
            })
          }
        },
      )
      agent.destroy()
      assert.equal(sockets.size, 1)
    })
  })

const echo = (req: IncomingMessage, res: ServerResponse): void => void req.pipe(res)

/** Takes nothing but buffers, as Node's requests give them. */
const gathering = (req: IncomingMessage, res: ServerResponse): void => {
  const chunks: Buffer[] = []
  req.on('data', (chunk) => {
    assert.ok(Buffer.isBuffer(chunk))
    chunks.push(chunk)
  })
  req.on('end', () => res.end(Buffer.concat(chunks)))
}

describe('transformed content', () => {
  test('is the same in whatever pieces it comes and goes', async () => {
    const piece = fc.uint8Array({ maxLength: 40_000 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 6 }),
        fc.integer({ min: 1, max: 70_000 }),
        async (pieces, size) => {
          const app = listener(millWith(deriving({ content: flip(size) })), gathering)
          await serving(app, async (origin) => {
            const answer = await fetch(origin, {
              method: 'POST',
              body: new Blob(pieces.map((each) => Uint8Array.from(each))),
            })
            const bytes = Buffer.from(await answer.arrayBuffer())
            assert.ok(bytes.equals(flipped(Buffer.concat(pieces))))
          })
        },
      ),
      { numRuns: 30 },
    )
  })

  test('is what those further in look at, and what was sent those further out', async () => {
    const found: string[] = []
    const looking =
      (name: string): Layer<Exchange, Reply> =>
      async (exchange, next) => {
        found.push(`${name} ${await exchange.content(10)}`)
        const answer = await next(exchange)
        found.push(`${name} ${await exchange.content(10)}`)
        return answer
      }
    const upper: ContentTransform = async function* (sent) {
      for await (const chunk of sent) yield Buffer.from(String(chunk).toUpperCase())
    }
    const louder: ContentTransform = async function* (sent) {
      yield* sent
      yield Buffer.from('!')
    }
    const outer = millWith(looking('sent'), deriving({ content: upper }), looking('upper'))
    const inner = millWith(deriving({ content: louder }), looking('louder'))
    await serving(listener(outer, listener(inner, echo)), async (origin) => {
      assert.equal((await send(origin, [Buffer.from('abc')])).body, 'ABC!')
      assert.deepEqual(found, [
        'sent abc',
        'upper ABC',
        'louder ABC!',
        'louder ABC!',
        'upper ABC',
        'sent abc',
      ])
      found.length = 0
      // Too much to be looked at is there for the others all the same.
      assert.equal((await send(origin, [Buffer.from('hello'), Buffer.from(' world')])).body, 'HELLO WORLD!')
      assert.deepEqual(
        found,
        ['sent', 'upper', 'louder', 'louder', 'upper', 'sent'].map((name) => `${name} undefined`),
      )
    })
  })

  test('that was made of such content is made of both, looked at or not', async () => {
    const add = (letter: string): ContentTransform =>
      async function* (sent) {
        yield* sent
        yield Buffer.from(letter)
      }
    const twice = millWith(deriving({ content: add('b') }), deriving({ content: add('c') }))
    const inner = millWith(deriving({ content: add('d') }), async (exchange, next) => {
      if (exchange.url === '/look') assert.equal(String(await exchange.content(99)), 'abcd')
      return next(exchange)
    })
    await serving(listener(twice, listener(inner, echo)), async (origin) => {
      for (const path of ['', 'look'])
        assert.equal((await send(`${origin}/${path}`, [Buffer.from('a')])).body, 'abcd')
    })
  })

  test('is what Connect-style middleware reads, and the handler after it', async () => {
    const seen: unknown[] = []
    const mill = millrace({
      plugins: [
        layerPlugin('flip', deriving({ content: flip() })),
        connect('watch', (req, _res, next) => {
          seen.push(req.headers['content-length'])
          next()
        }),
      ],
      routes: { '/**': { flip: true, watch: true } },
    })
    await serving(listener(mill, echo), async (origin) => {
      const { body } = await send(origin, [flipped(Buffer.from('abc'))])
      assert.equal(body, 'abc')
    })
    assert.deepEqual(seen, [undefined])
  })

  test('that has nothing to do with what was sent takes the place of all of it', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const mill = millWith(
      deriving({
        async *content() {
          yield Buffer.from('instead')
        },
      }),
    )
    await serving(listener(mill, echo), async (origin) => {
      for (const size of [0, 100, 2_000_000])
        assert.equal((await send(origin, split(bytesOf(size), 60_000), { agent })).body, 'instead')
    })
    agent.destroy()
  })

  test('that nobody reads is not made, and does not stop the connection', async () => {
    let runs = 0
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const mill = millWith(
      deriving({
        async *content(sent) {
          runs++
          yield* sent
        },
      }),
    )
    const app = listener(mill, (_req: IncomingMessage, res: ServerResponse) => void res.end('unread'))
    const sockets = new Set<unknown>()
    await serving(
      (req, res) => {
        sockets.add(req.socket)
        app(req, res)
      },
      async (origin) => {
        for (const size of [0, 100, 2_000_000, 100])
          assert.equal((await send(origin, split(bytesOf(size), 60_000), { agent })).body, 'unread')
      },
    )
    agent.destroy()
    assert.deepEqual([runs, sockets.size], [0, 1])
  })

  test('does not keep back the requests behind it on the connection', async () => {
    const app = listener(
      millWith(deriving({ content: flip() })),
      (req: IncomingMessage, res: ServerResponse) => {
        if (req.url === '/unread') res.end('unread')
        else void gather(req).then((bytes) => res.end(bytes))
      },
    )
    await serving(app, async (origin) => {
      const socket = connectSocket(Number(new URL(origin).port), '127.0.0.1')
      const head = (path: string, more = ''): string =>
        `POST /${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n${more}\r\n`
      const body = flipped(Buffer.from('abc'))
      const piped = ['', 'unread', ''].flatMap((path) => [Buffer.from(head(path)), body])
      socket.write(Buffer.concat([...piped, Buffer.from(head('', 'Connection: close\r\n')), body]))
      const answers = String(await gather(socket)).split(/HTTP\/1\.1 200 OK/)
      assert.deepEqual(
        answers.slice(1).map((answer) => /abc|unread/.exec(answer)?.[0]),
        ['abc', 'unread', 'abc', 'abc'],
      )
    })
  })

  test('is read no faster than the handler reads', async () => {
    let taken = 0
    const mill = millWith(
      deriving({
        async *content(sent) {
          for await (const chunk of sent) {
            taken += chunk.byteLength
            yield chunk
          }
        },
      }),
    )
    const { promise: began, resolve: begin } = Promise.withResolvers<IncomingMessage>()
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      req.once('readable', () => begin(req))
      req.on('end', () => res.end())
    })
    await serving(app, async (origin) => {
      const size = 30_000_000
      const sent = request(origin, { method: 'POST' })
      const answered = once(sent, 'response')
      sent.end(bytesOf(size))
      const req = await began
      for (let i = 0; i < 200; i++) await turn()
      assert.ok(taken < 1_000_000, `${taken} bytes were read for nobody`)
      req.resume()
      await answered
      assert.equal(taken, size)
      sent.destroy()
    })
  })

  test('breaks off with its client, and its transform ends', async () => {
    for (const read of [true, false]) {
      const { promise: ended, resolve: end } = Promise.withResolvers<unknown>()
      const { promise: began, resolve: begin } = Promise.withResolvers<void>()
      const mill = millWith(
        deriving({
          async *content(sent) {
            let reason: unknown = 'given up'
            try {
              for await (const chunk of sent) {
                begin()
                // More than is read: it waits here.
                yield* split(Buffer.alloc(read ? chunk.byteLength : 1_000_000), 60_000)
              }
            } catch (error) {
              reason = error
              throw error
            } finally {
              end(reason)
            }
          },
        }),
      )
      const { promise: failed, resolve: fail } = Promise.withResolvers<IncomingMessage>()
      const app = listener(mill, (req: IncomingMessage) => {
        req.once('readable', () => void (read && req.resume()))
        req.on('error', () => fail(req))
      })
      await serving(app, async (origin) => {
        const socket = connectSocket(Number(new URL(origin).port), '127.0.0.1')
        socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
        await began
        for (let i = 0; i < 5; i++) await turn()
        socket.destroy()
        const req = await failed
        assert.deepEqual([req.aborted, req.destroyed, req.readableEnded], [true, true, false])
        const reason = await ended
        if (read) assert.ok(reason instanceof ClientGoneError)
        else assert.equal(reason, 'given up')
      })
    }
  })

  test('that fails is no exception where nobody listens, nor where somebody looks', async () => {
    const found: unknown[] = []
    const failing: ContentTransform = async function* (sent) {
      yield* sent
      throw new Error('no')
    }
    const mill = millWith(deriving({ content: failing }), async (exchange, next) => {
      if (exchange.url !== '/look') return next(exchange)
      found.push(await exchange.content(10).catch(String), await exchange.content(10).catch(String))
      return reply(200, {}, 'looked')
    })
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      req
        .on('data', (chunk) => assert.ok(Buffer.isBuffer(chunk)))
        .on('close', () => res.end(`closed ${req.aborted} ${req.destroyed}`))
    })
    await serving(app, async (origin) => {
      assert.equal((await send(origin, [Buffer.from('abc')])).body, 'closed false true')
      assert.equal((await send(`${origin}/look`, [Buffer.from('abc')])).body, 'looked')
    })
    assert.deepEqual(found, ['Error: no', 'Error: no'])
  })

  test('is left as it was sent to who reads it already', async () => {
    const app = listener(millWith(deriving({ content: flip() })), echo)
    await serving(
      (req, res) => {
        req.once('readable', () => {
          req.read(1)
          setImmediate(app, req, res)
        })
      },
      async (origin) => assert.equal((await send(origin, [Buffer.from('abc')])).body, 'bc'),
    )
    const parsed = express().use(express.json(), mountExpress(millWith(deriving({ content: flip() })))())
    parsed.post('/', (req: Request, res: Response) => void res.json(req.body))
    await serving(
      (req, res) => parsed(req, res),
      async (origin) => {
        const { body } = await send(origin, [Buffer.from('{"a":1}')], { headers: json })
        assert.equal(body, '{"a":1}')
      },
    )
  })

  test('comes when the client is told to send it', async () => {
    const app = listener(millWith(deriving({ content: flip() })), echo)
    await serving(app, async (origin) => {
      const sent = request(origin, { method: 'POST', headers: { Expect: '100-continue' } })
      sent.flushHeaders()
      await once(sent, 'continue')
      sent.end(flipped(Buffer.from('told')))
      const [answer]: IncomingMessage[] = await once(sent, 'response')
      assert.equal(String(answer && (await gather(answer))), 'told')
    })
  })
})

describe('transformed content on HTTP/2', () => {
  for (const name of ['data', 'readable', 'iteration', 'pipe'])
    test(`is read by ${name}`, async () => {
      const read = readers[name]
      assert.ok(read)
      const app = listener(
        millWith(deriving({ content: flip() })),
        (req: Http2ServerRequest, res: Http2ServerResponse) => {
          assert.equal(req.headers['transfer-encoding'], 'chunked')
          void read(req).then((bytes) => res.end(bytes))
        },
      )
      await overHttp2(app, async (session) => {
        for (const size of sizes)
          for (const chunks of [split(bytesOf(size), size), split(bytesOf(size), 30_000)]) {
            const answer = await post(session, chunks)
            assert.ok(answer.equals(flipped(bytesOf(size))), `${size} bytes came as others`)
          }
      })
    })

  test('breaks off with its client', async () => {
    const { promise: began, resolve: begin } = Promise.withResolvers<void>()
    const { promise: ended, resolve: end } = Promise.withResolvers<unknown>()
    const content: ContentTransform = async function* (sent) {
      try {
        for await (const chunk of sent) {
          begin()
          yield chunk
        }
        end('whole')
      } catch (error) {
        end(error)
        throw error
      }
    }
    const app = listener(millWith(deriving({ content })), (req: Http2ServerRequest) => void req.resume())
    await overHttp2(app, async (session) => {
      const stream = session.request({ ':method': 'POST' })
      stream.on('error', () => {})
      stream.write('half')
      await began
      session.destroy()
      assert.ok((await ended) instanceof ClientGoneError)
    })
  })

  test('that fails or is not read does not keep the stream', async () => {
    let open = 0
    const failing: ContentTransform = async function* (sent) {
      yield* sent
      throw new Error('no')
    }
    const app = listener(
      millWith(deriving({ content: failing })),
      (req: Http2ServerRequest, res: Http2ServerResponse) => {
        if (req.url === '/unread') res.end('unread')
        else req.resume().on('close', () => res.end('failed'))
      },
    )
    const counting = (req: Http2ServerRequest, res: Http2ServerResponse): void => {
      open++
      req.stream.on('close', () => void open--)
      app(req, res)
    }
    await overHttp2(counting, async (session) => {
      for (const size of [100, 1_000_000]) {
        assert.equal(String(await post(session, split(bytesOf(size), 60_000))), 'failed')
        assert.equal(String(await post(session, split(bytesOf(size), 60_000), '/unread')), 'unread')
      }
      while (open > 0) await turn()
    })
  })
})
