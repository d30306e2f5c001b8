import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type RequestListener, request } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import Router from '@koa/router'
import { type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { tracing } from '@millrace/tracing'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import express, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import Koa, { type Context, type Middleware } from 'koa'
import { ended } from './recorded.ts'
import { serve } from './service.ts'

/** What handlers do. */
type Does = 'answer' | 'throw' | 'refuse' | 'stream' | 'break' | 'hang'

type Host = (mill: Millrace, does: Does) => RequestListener

/** As many chunks as are asked for; `break` fails after the first. */
const chunks = async function* (does: Does): AsyncGenerator<string> {
  yield 'one'
  await new Promise(setImmediate)
  if (does === 'break') throw new Error('no more')
  yield 'two'
}

const onExpress =
  (create: typeof express): Host =>
  (mill, does) => {
    const handle: express.RequestHandler = (_req, res) => {
      if (does === 'answer') res.send('ok')
      else if (does === 'throw') throw new RangeError('as asked')
      else if (does === 'refuse') throw Object.assign(new Error('no such city'), { status: 404 })
      else if (does !== 'hang')
        Readable.from(chunks(does))
          .on('error', (error) => res.destroy(error))
          .pipe(res)
      else res.write('begun')
    }
    const apologise: ErrorRequestHandler = (error, _req, res, _next) => {
      res.status(error.status ?? 500).send('sorry')
    }
    const inner = create.Router()
    inner.get('/', handle)
    inner.get('/:id', handle)
    const outer = create.Router()
    outer.use('/:user/posts', inner)
    const app = create()
    app.use(mountExpress(mill)())
    app.get('/plain/:id', handle)
    app.use('/users', outer)
    app.use(apologise)
    return app
  }

const onKoa: Host = (mill, does) => {
  const handle: Middleware = async (ctx: Context) => {
    if (does === 'answer') ctx.body = 'ok'
    else if (does === 'throw') throw new RangeError('as asked')
    else if (does === 'refuse') ctx.throw(404, 'no such city')
    else if (does !== 'hang') ctx.body = Readable.from(chunks(does))
    else {
      const endless = new Readable({ read: () => undefined })
      endless.push('begun')
      ctx.body = endless
    }
  }
  const inner = new Router()
  inner.get('/', handle)
  inner.get('/:id', handle)
  const outer = new Router({ prefix: '/users' })
  outer.use('/:user/posts', inner.routes())
  const plain = new Router()
  plain.get('/plain/:id', handle)
  const app = new Koa().use(mountKoa(mill)()).use(plain.routes()).use(outer.routes())
  app.silent = true
  return app.callback()
}

const hosts: Readonly<Record<string, Host>> = {
  'Express 5': onExpress(express),
  'Express 4': onExpress(express4),
  'Koa 3': onKoa,
}

const millWith = (): Millrace => millrace({ plugins: [tracing()], routes: { '/**': { tracing: true } } })

/** Of a request's spans, the server's. */
const serverSpan = (spans: readonly ReadableSpan[]): ReadableSpan => {
  const [span, ...more] = spans.filter(({ kind }) => kind === SpanKind.SERVER)
  assert.ok(span && more.length === 0)
  return span
}

for (const [name, host] of Object.entries(hosts)) {
  describe(`spans of ${name}`, () => {
    const spanOf = async (path: string, does: Does): Promise<ReadableSpan> => {
      await using service = await serve(host(millWith(), does))
      const answer = await fetch(`http://127.0.0.1:${service.port}${path}`)
      await answer.text().catch(() => undefined)
      return serverSpan(await ended(2))
    }

    for (const [path, route] of [
      ['/plain/5', '/plain/:id'],
      ['/users/7/posts/5', '/users/:user/posts/:id'],
      ['/users/7/posts/5?x=1', '/users/:user/posts/:id'],
      ['/nowhere/5', '/**'],
    ] as const) {
      for (const does of ['answer', 'throw', 'refuse', 'stream'] as const) {
        it(`are named by the route: ${path}, where the handler does ${does}`, async () => {
          const { name: told, attributes } = await spanOf(path, does)
          assert.equal(told, `GET ${route}`)
          assert.equal(attributes['http.route'], route)
        })
      }
    }

    for (const [does, status, code, error] of [
      ['answer', 200, SpanStatusCode.UNSET, undefined],
      ['stream', 200, SpanStatusCode.UNSET, undefined],
      ['refuse', 404, SpanStatusCode.UNSET, undefined],
      // Express makes an answer of what was thrown before any layer sees it.
      ['throw', 500, SpanStatusCode.ERROR, name === 'Koa 3' ? 'RangeError' : '500'],
    ] as const) {
      it(`tell how it went: ${does}`, async () => {
        const span = await spanOf('/plain/5', does)
        assert.equal(span.attributes['http.response.status_code'], status)
        assert.equal(span.status.code, code)
        assert.equal(span.attributes['error.type'], error)
        assert.equal(span.attributes['millrace.outcome'], undefined)
      })
    }

    it('end where a stream breaks', async () => {
      const span = await spanOf('/plain/5', 'break')
      assert.equal(span.attributes['millrace.outcome'], undefined)
      assert.equal(span.status.code, SpanStatusCode.ERROR)
    })

    it('end where the client leaves', async () => {
      await using service = await serve(host(millWith(), 'hang'))
      const asked = request({ port: service.port, path: '/plain/5' }).on('error', () => undefined)
      asked.end()
      await once(asked, 'response')
      asked.destroy()
      const span = serverSpan(await ended(2))
      assert.equal(span.attributes['millrace.outcome'], 'aborted')
      assert.equal(span.attributes['http.response.status_code'], 200)
      assert.equal(span.status.code, SpanStatusCode.UNSET)
    })

    it('are one for each of those that come in one go', async () => {
      await using service = await serve(host(millWith(), 'stream'))
      const socket = connect(service.port, '127.0.0.1')
      const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
      socket.resume().write(one('/plain/1') + one('/users/7/posts/2') + one('/plain/3'))
      const spans = await ended(6)
      socket.destroy()
      assert.deepEqual(
        spans.filter(({ kind }) => kind === SpanKind.SERVER).map(({ attributes }) => attributes['url.path']),
        ['/plain/1', '/users/7/posts/2', '/plain/3'],
      )
      assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 3)
    })
  })
}

it('a span ends where a handler takes the connection over', async () => {
  const app = express()
  app.use(mountExpress(millWith())())
  app.get('/ws', (req) => {
    req.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\nbye')
  })
  await using service = await serve(app)
  const socket = connect(service.port, '127.0.0.1')
  socket.resume().write('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n')
  await once(socket, 'end')
  const { attributes } = serverSpan(await ended(2))
  assert.equal(attributes['http.response.status_code'], undefined)
  assert.equal(attributes['millrace.outcome'], 'aborted')
})

it('Koa: routers that are run by another middleware', async () => {
  const [first, second] = ['/a', '/b'].map((prefix) =>
    new Router({ prefix })
      .get('/:id', (ctx) => {
        ctx.body = prefix
      })
      .routes(),
  )
  assert.ok(first && second)
  const app = new Koa()
    .use(mountKoa(millWith())())
    .use((ctx, next) =>
      Reflect.apply(first, undefined, [ctx, () => Reflect.apply(second, undefined, [ctx, next])]),
    )
  await using service = await serve(app.callback())
  for (const [path, route] of [
    ['/a/1', '/a/:id'],
    ['/b/1', '/b/:id'],
    ['/c/1', '/**'],
  ] as const) {
    await (await fetch(`http://127.0.0.1:${service.port}${path}`)).text()
    assert.equal(serverSpan(await ended(2)).name, `GET ${route}`)
  }
})

it('a Millrace inside another leaves the span to it', async () => {
  const app = express()
  app.use(mountExpress(millWith())(), mountExpress(millWith())())
  app.get('/cities/:id', (_req, res) => {
    res.send('ok')
  })
  await using service = await serve(app)
  await (await fetch(`http://127.0.0.1:${service.port}/cities/5`)).text()
  const spans = await ended(2)
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['handler', 'GET /cities/:id'],
  )
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
})
