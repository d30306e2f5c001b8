import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import {
  type AnyPlugin,
  ClientGoneError,
  type Exchange,
  type Layer,
  type Millrace,
  millrace,
  type Reply,
  reply,
} from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import express, { type Request, type Response } from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { bytesOf, gather, overHttp2, post, readers, send, split } from './bodies.ts'
import { serving } from './hosts.ts'

type AnyMillrace = Millrace<readonly AnyPlugin[]>
type Found = Uint8Array | undefined

const millWith = (layer: Layer<Exchange, Reply>): AnyMillrace =>
  millrace({ plugins: [layerPlugin('probe', layer)], routes: { '/**': { probe: true } } })

/** A layer that looks at the content before it goes on. */
const looking =
  (limit: number, found: (bytes: Found) => void): Layer<Exchange, Reply> =>
  async (exchange, next) => {
    found(await exchange.content(limit))
    return next(exchange)
  }

const limit = 200_000
const sizes = [0, 4, 10_000, 199_996, 200_000, 200_004, 1_000_000]

for (const [name, read] of Object.entries(readers)) {
  test(`a handler that reads by ${name} reads what was looked at`, async () => {
    let found: Found
    const keep = (bytes: Found): void => {
      found = bytes
    }
    let flowing: unknown = false
    const mill = millWith(looking(limit, keep))
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      flowing = req.readableFlowing
      assert.equal(req.readableDidRead, false)
      void read(req).then((bytes) => {
        assert.equal(req.complete, true)
        res.end(bytes.toString('base64'))
      })
    })
    await serving(app, async (origin) => {
      for (const size of sizes) {
        const bytes = bytesOf(size)
        for (const headers of [{ 'Content-Length': size }, { 'Transfer-Encoding': 'chunked' }]) {
          for (const chunks of [[bytes], split(bytes, 30_000)]) {
            const { body } = await send(origin, chunks, { headers })
            assert.ok(Buffer.from(body, 'base64').equals(bytes), `${size} bytes came as others`)
            if (size > limit) assert.equal(found, undefined)
            else assert.ok(found && bytes.equals(found), `${size} bytes looked like others`)
            assert.equal(flowing, null)
          }
        }
      }
    })
  })
}

const onExpress =
  (create: typeof express) =>
  (mill: AnyMillrace): RequestListener => {
    const app = create()
    app.use(mountExpress(mill)())
    app.use(create.json({ limit: '10mb' }))
    app.post('/', (req: Request, res: Response) => void res.json(req.body))
    return app
  }

const onKoa =
  (create: () => Koa) =>
  (mill: AnyMillrace): RequestListener => {
    const app = create()
    app.use(mountKoa(mill)())
    app.use(bodyParser({ jsonLimit: '10mb' }))
    app.use((ctx) => {
      ctx.body = ctx.request.body
    })
    return app.callback()
  }

for (const [name, app] of [
  ['Express 5', onExpress(express)],
  ['Express 4', onExpress(express4)],
  ['Koa 3', onKoa(() => new Koa())],
  ['Koa 2', onKoa(() => new Koa2())],
] as const)
  describe(`the content of a request on ${name}`, () => {
    test('is there for the body parser too', async () => {
      let found: Found
      const keep = (bytes: Found): void => {
        found = bytes
      }
      await serving(app(millWith(looking(limit, keep))), async (origin) => {
        for (const size of [1, 50_000, 150_000, 1_000_000]) {
          const text = JSON.stringify({ text: 'é'.repeat(size / 2) })
          const bytes = Buffer.from(text)
          const headers = { 'Content-Type': 'application/json' }
          const { status, body } = await send(origin, split(bytes, 60_000), { headers })
          assert.equal(status, 200)
          assert.equal(body, text)
          if (bytes.byteLength > limit) assert.equal(found, undefined)
          else assert.ok(found && bytes.equals(found))
        }
      })
    })

    test('is there for the handler of an injected request too', async () => {
      let found: Found
      const mill = millWith(async (exchange, next) => {
        if (exchange.synthetic) {
          found = await exchange.content(limit)
          return next(exchange)
        }
        const answer = await exchange.inject({
          method: 'POST',
          url: '/',
          headers: { 'content-type': 'application/json' },
          body: Buffer.from('{"a":1}'),
          cause: {},
        })
        return reply(answer.status, {}, answer.body)
      })
      await serving(app(mill), async (origin) => {
        assert.deepEqual(await send(origin, []), { status: 200, body: '{"a":1}' })
        assert.equal(String(found), '{"a":1}')
      })
    })

    test('is nothing, where nothing was sent', async () => {
      let found: Found
      const keep = (bytes: Found): void => {
        found = bytes
      }
      await serving(app(millWith(looking(limit, keep))), async (origin) => {
        await (await fetch(origin)).text()
        assert.equal(found?.byteLength, 0)
      })
    })
  })

const echo = (req: IncomingMessage, res: ServerResponse): void => void req.pipe(res)

describe('the content of a request', () => {
  test('is found once, whoever asks', async () => {
    const sizesFound: unknown[] = []
    const inner = millWith(async (exchange, next) => {
      sizesFound.push((await exchange.content(5))?.byteLength)
      return next(exchange)
    })
    const outer = millWith(async (exchange, next) => {
      const [some, less, more] = await Promise.all([4, 3, 1000].map((limit) => exchange.content(limit)))
      assert.equal(some, more)
      sizesFound.push(some?.byteLength, less?.byteLength, (await exchange.content(4))?.byteLength)
      const answer = await next(exchange)
      sizesFound.push((await exchange.content(4))?.byteLength)
      return answer
    })
    await serving(listener(outer, listener(inner, echo)), async (origin) => {
      assert.equal((await send(origin, [Buffer.from('abcd')])).body, 'abcd')
    })
    assert.deepEqual(sizesFound, [4, undefined, 4, 4, 4])
  })

  test('is left to whoever reads it already, or prepares to', async () => {
    const found: unknown[] = []
    const layer: Layer<Exchange, Reply> = async (exchange) => {
      found.push(await exchange.content(limit))
      return reply(200, {}, 'answered')
    }
    const app = listener(millWith(layer), echo)
    const parsed = express().use(express.json(), mountExpress(millWith(layer))())
    const before: readonly RequestListener[] = [
      (req, res) => parsed(req, res),
      (req, res) => app(req.pause(), res),
      (req, res) => app(req.setEncoding('utf8'), res),
      (req, res) =>
        app(
          req.on('data', () => {}),
          res,
        ),
      (req, res) =>
        app(
          req.on('readable', () => {}),
          res,
        ),
      (req, res) => {
        req.once('readable', () => {
          req.read(1)
          setImmediate(app, req, res)
        })
      },
    ]
    for (const handle of before)
      await serving(handle, async (origin) => {
        const headers = { 'Content-Type': 'application/json' }
        const { body } = await send(origin, [Buffer.from('{"a":1}')], { headers })
        assert.equal(body, 'answered')
      })
    assert.deepEqual(
      found,
      before.map(() => undefined),
    )
  })

  test('is waited for, however slowly it comes', async () => {
    const events: string[] = []
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    const mill = millWith(async (exchange, next) => {
      const looked = exchange.content(limit)
      ask()
      events.push(`found ${await looked}`)
      return next(exchange)
    })
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      events.push('handled')
      echo(req, res)
    })
    await serving(app, async (origin) => {
      const sent = request(origin, { method: 'POST' })
      const answered = once(sent, 'response')
      sent.write('a')
      await asked
      for (const letter of 'bcd') {
        for (let i = 0; i < 20; i++) await turn()
        events.push(letter)
        sent.write(letter)
      }
      sent.end()
      const [answer]: IncomingMessage[] = await answered
      assert.equal(String(answer && (await gather(answer))), 'abcd')
    })
    assert.deepEqual(events, ['b', 'c', 'd', 'found abcd', 'handled'])
  })

  test('is not waited for when it is announced to be too large', async () => {
    const app = listener(
      millWith(async (exchange) => reply(200, {}, String(await exchange.content(limit)))),
      echo,
    )
    await serving(app, async (origin) => {
      const sent = request(origin, { method: 'POST', headers: { 'Content-Length': limit + 1 } })
      sent.flushHeaders()
      const [answer]: IncomingMessage[] = await once(sent, 'response')
      assert.equal(String(answer && (await gather(answer))), 'undefined')
      sent.on('error', () => {}).destroy()
    })
  })

  test('is refused when the client leaves before it has sent all', async () => {
    for (const half of [
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    ]) {
      const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
      const { promise: refused, resolve: refuse } = Promise.withResolvers<unknown>()
      const again: unknown[] = []
      let runs = 0
      const mill = millWith(async (exchange, next) => {
        const looked = exchange.content(limit)
        ask()
        try {
          await looked
        } catch (error) {
          again.push(await exchange.content(1).catch((same: unknown) => same))
          refuse(error)
          throw error
        }
        return next(exchange)
      })
      await serving(
        listener(mill, () => void runs++),
        async (origin) => {
          const socket = connect(Number(new URL(origin).port), '127.0.0.1')
          socket.write(half)
          await asked
          for (let i = 0; i < 5; i++) await turn()
          socket.destroy()
          const error = await refused
          assert.ok(error instanceof ClientGoneError)
          assert.deepEqual(again, [error])
        },
      )
      assert.equal(runs, 0)
    }
  })

  test('is waited for when the client was told to send it, and not when that is the handler to say', async () => {
    const found: unknown[] = []
    const app = listener(
      millWith(looking(limit, (bytes) => void found.push(bytes && String(bytes)))),
      (req: IncomingMessage, res: ServerResponse) => {
        if (!res._sent100) res.writeContinue()
        echo(req, res)
      },
    )
    for (const event of ['request', 'checkContinue']) {
      const server = createServer(app).on(event, app)
      if (event === 'request') server.removeListener('request', app)
      server.listen(0)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const sent = request({ port, method: 'POST', headers: { Expect: '100-continue' } })
      sent.flushHeaders()
      await once(sent, 'continue')
      sent.end('told')
      const [answer]: IncomingMessage[] = await once(sent, 'response')
      assert.equal(String(answer && (await gather(answer))), 'told')
      server.closeAllConnections()
      server.close()
    }
    assert.deepEqual(found, ['told', undefined])
  })

  test('does not stop the connection when nobody reads it after that', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const sockets = new Set<unknown>()
    const mill = millWith(async (exchange) => {
      const bytes = await exchange.content(limit)
      return reply(200, {}, String(bytes?.byteLength))
    })
    const app = listener(mill, echo)
    await serving(
      (req, res) => {
        sockets.add(req.socket)
        app(req, res)
      },
      async (origin) => {
        for (const size of [0, 10_000, 1_000_000, 10_000, 1_000_000]) {
          const { body } = await send(origin, split(bytesOf(size), 60_000), { agent })
          assert.equal(body, size <= limit ? String(size) : 'undefined')
        }
      },
    )
    agent.destroy()
    assert.equal(sockets.size, 1)
  })
})

describe('the content of a request on HTTP/2', () => {
  for (const name of ['data', 'readable', 'iteration', 'pipe'])
    test(`is there for a handler that reads by ${name} too`, async () => {
      let found: Found
      const keep = (bytes: Found): void => {
        found = bytes
      }
      const read = readers[name]
      assert.ok(read)
      const app = listener(
        millWith(looking(limit, keep)),
        (req: Http2ServerRequest, res: Http2ServerResponse) => {
          assert.equal(req.readableFlowing, null)
          void read(req).then((bytes) => res.end(bytes))
        },
      )
      await overHttp2(app, async (session) => {
        for (const size of sizes)
          for (const chunks of [split(bytesOf(size), size), split(bytesOf(size), 30_000)]) {
            const answer = await post(session, chunks)
            assert.ok(answer.equals(bytesOf(size)), `${size} bytes came as others`)
            if (size > limit) assert.equal(found, undefined)
            else assert.ok(found && bytesOf(size).equals(found), `${size} bytes looked like others`)
          }
      })
    })

  test('is refused when the client breaks off', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    const { promise: refused, resolve: refuse } = Promise.withResolvers<unknown>()
    let runs = 0
    const mill = millWith(async (exchange, next) => {
      const looked = exchange.content(limit)
      ask()
      await looked.catch((error: unknown) => {
        refuse(error)
        throw error
      })
      return next(exchange)
    })
    const app = listener(mill, (_req: Http2ServerRequest, _res: Http2ServerResponse) => void runs++)
    await overHttp2(app, async (session) => {
      const stream = session.request({ ':method': 'POST' })
      stream.on('error', () => {})
      stream.write('half')
      await asked
      for (let i = 0; i < 5; i++) await turn()
      session.destroy()
      assert.ok((await refused) instanceof ClientGoneError)
    })
    assert.equal(runs, 0)
  })

  test('does not keep the stream when nobody reads it after that', async () => {
    const mill = millWith(async (exchange) => {
      const bytes = await exchange.content(limit)
      return reply(200, {}, String(bytes?.byteLength))
    })
    let open = 0
    const app = listener(mill, (_req: Http2ServerRequest, _res: Http2ServerResponse) => {})
    const counting = (req: Http2ServerRequest, res: Http2ServerResponse): void => {
      open++
      req.stream.on('close', () => void open--)
      app(req, res)
    }
    await overHttp2(counting, async (session) => {
      for (const size of [0, 10_000, 1_000_000, 1_000_000]) {
        const answer = await post(session, split(bytesOf(size), 60_000))
        assert.equal(String(answer), size <= limit ? String(size) : 'undefined')
      }
      while (open > 0) await turn()
    })
  })
})
