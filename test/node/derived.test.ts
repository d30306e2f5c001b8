import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http'
import {
  connect as connectHttp2,
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import {
  type AnyPlugin,
  type Change,
  derive,
  type Exchange,
  type Layer,
  type Millrace,
  millrace,
  type Reply,
  reply,
  searchOf,
} from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { connect, listener } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import express, { type Request, type Response } from 'express'
import express4 from 'express4'
import Koa, { type Context } from 'koa'
import Koa2 from 'koa2'
import { serving } from './hosts.ts'

type AnyMillrace = Millrace<readonly AnyPlugin[]>

/** What a handler, or middleware further out, finds in a request. */
type Sight = Readonly<Record<string, unknown>>

interface Watch {
  /** Called by the handler with what it sees, and by middleware further out with what it does in the end. */
  handler(sight: Sight): void
  outside(sight: Sight): void
}

const ofMessage = (req: IncomingMessage | Http2ServerRequest): Sight => ({
  headers: { ...req.headers },
  raw: [...req.rawHeaders],
  distinct: 'headersDistinct' in req ? { ...req.headersDistinct } : undefined,
  url: req.url,
})

const ofExpress = (req: Request): Sight => ({
  ...ofMessage(req),
  original: req.originalUrl,
  query: { ...req.query },
  got: req.get('If-None-Match'),
  language: req.acceptsLanguages('de', 'en'),
  ip: req.ip?.replace('::ffff:', ''),
})

const ofKoa = (ctx: Context): Sight => ({
  ...ofMessage(ctx.req),
  original: ctx.originalUrl,
  requested: ctx.request.originalUrl,
  query: { ...ctx.query },
  parameter: ctx.URL.searchParams.get('b'),
  href: ctx.request.href.replace(/^.*:\d+/, ''),
  got: ctx.get('If-None-Match'),
  language: ctx.acceptsLanguages('de', 'en'),
  type: ctx.accepts('json', 'html'),
  ip: ctx.ip.replace('::ffff:', ''),
})

const onExpress =
  (create: typeof express) =>
  (mill: AnyMillrace, watch: Watch): RequestListener => {
    const app = create()
    app.set('trust proxy', true)
    app.use((req: Request, res: Response, next: () => void) => {
      ofExpress(req)
      res.on('finish', () => watch.outside(ofExpress(req)))
      next()
    })
    app.use(mountExpress(mill)())
    const router = create.Router()
    router.get('/of/:id', (req: Request, res: Response) => {
      watch.handler({ ...ofExpress(req), base: req.baseUrl })
      res.json({})
    })
    app.use('/things', router)
    return app
  }

const onKoa =
  (create: () => Koa) =>
  (mill: AnyMillrace, watch: Watch): RequestListener => {
    const app = create()
    app.proxy = true
    app.use(async (ctx, next) => {
      ofKoa(ctx)
      await next()
      watch.outside(ofKoa(ctx))
    })
    // As koa-mount does.
    app.use(async (ctx, next) => {
      const { path } = ctx
      ctx.path = path.slice('/things'.length)
      await next()
      ctx.path = path
    })
    app.use(mountKoa(mill)())
    app.use((ctx) => {
      watch.handler(ofKoa(ctx))
      ctx.body = {}
    })
    return app.callback()
  }

interface Host {
  readonly name: string
  /** The path that is left of `/things/of/1` at the place of the handler. */
  readonly path: string
  readonly app: (mill: AnyMillrace, watch: Watch) => RequestListener
}

const frameworks: readonly Host[] = [
  { name: 'Express 5', path: '/of/1', app: onExpress(express) },
  { name: 'Express 4', path: '/of/1', app: onExpress(express4) },
  { name: 'Koa 3', path: '/of/1', app: onKoa(() => new Koa()) },
  { name: 'Koa 2', path: '/of/1', app: onKoa(() => new Koa2()) },
]

const bare: Host = {
  name: 'listener',
  path: '/things/of/1',
  app(mill, watch) {
    const inner = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      watch.handler(ofMessage(req))
      res.end('{}')
    })
    return (req, res) => {
      res.on('finish', () => watch.outside(ofMessage(req)))
      inner(req, res)
    }
  },
}

const millWith = (...layers: readonly Layer<Exchange, Reply>[]): AnyMillrace =>
  millrace({
    plugins: layers.map((layer, i) => layerPlugin(`layer${i}`, layer)),
    routes: { '/**': Object.fromEntries(layers.map((_, i) => [`layer${i}`, true])) },
  })

const target = '/things/of/1?a=1&b=2&c[x]=3'
const sent = {
  'If-None-Match': '"1"',
  'Accept-Language': 'de',
  'X-Forwarded-For': '192.0.2.7',
  'X-Twice': ['one', 'two'],
}
const shown = { host: 'millrace.test', accept: 'text/html', 'accept-language': 'en', 'x-own': 'yes' }

/** One request, over a connection of its own. */
const ask = async (
  origin: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<string> => {
  const asked = request(`${origin}${path}`, { headers }).end()
  const [answer]: IncomingMessage[] = await once(asked, 'response')
  let text = ''
  for await (const chunk of answer ?? []) text += chunk
  await turn()
  return text
}

/** What is seen on a host where a layer derives `change`. */
const see = async (
  host: Host,
  change: (exchange: Exchange) => Change,
  path: string = target,
): Promise<Record<'handler' | 'outside' | 'before' | 'inner' | 'after', Sight>> => {
  const seen: Record<'handler' | 'outside' | 'before' | 'inner' | 'after', Sight> = {
    handler: {},
    outside: {},
    before: {},
    inner: {},
    after: {},
  }
  const ofExchange = (exchange: Exchange): Sight => ({
    headers: { ...exchange.headers },
    url: exchange.url,
    path: exchange.path,
    query: exchange.query.toString(),
    address: exchange.client.address,
  })
  const mill = millWith(
    async (exchange, next) => {
      seen.before = ofExchange(exchange)
      const answer = await next(derive(exchange, change(exchange)))
      seen.after = ofExchange(exchange)
      return answer
    },
    (exchange, next) => {
      seen.inner = ofExchange(exchange)
      return next(exchange)
    },
  )
  const watch: Watch = {
    handler(sight) {
      seen.handler = sight
    },
    outside(sight) {
      seen.outside = sight
    },
  }
  await serving(host.app(mill, watch), async (origin) => void (await ask(origin, path, sent)))
  return seen
}

for (const host of [...frameworks, bare]) {
  describe(`a derived exchange on ${host.name}`, () => {
    test('shows the handler other fields, in every form that Node has', async () => {
      const { handler, outside, before, inner, after } = await see(host, () => ({ headers: shown }))
      assert.deepEqual(handler['headers'], shown)
      assert.deepEqual(handler['raw'], Object.entries(shown).flat())
      assert.deepEqual(
        handler['distinct'],
        Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, [value]])),
      )
      assert.equal(handler['url'], target.replace('/things/of/1', host.path))
      assert.deepEqual(inner['headers'], shown)

      const own = before['headers']
      assert.ok(own && typeof own === 'object' && 'x-twice' in own && own['x-twice'] === 'one, two')
      assert.deepEqual(after, before)
      assert.deepEqual(outside['headers'], own)
      assert.ok(Array.isArray(outside['raw']) && outside['raw'].includes('X-Twice'))
      assert.deepEqual(Reflect.get(Object(outside['distinct']), 'x-twice'), ['one', 'two'])
      assert.equal(searchOf(String(outside['url'])), searchOf(target))
    })

    test('takes a field away that is undefined', async () => {
      const { handler, outside } = await see(host, ({ headers }) => ({
        headers: { ...headers, 'if-none-match': undefined },
      }))
      const { 'if-none-match': taken, ...rest } = Object(outside['headers'])
      assert.equal(taken, '"1"')
      assert.deepEqual(handler['headers'], rest)
      assert.ok(Array.isArray(handler['raw']) && !handler['raw'].includes('if-none-match'))
    })

    test('shows the handler another query', async () => {
      const url = '/things/of/1?b=2&d=4'
      const { handler, outside, before, inner, after } = await see(host, () => ({ url }))
      assert.equal(handler['url'], `${host.path}?b=2&d=4`)
      assert.deepEqual([inner['url'], inner['path'], inner['query']], [url, '/things/of/1', 'b=2&d=4'])
      assert.equal(before['url'], target)
      assert.deepEqual(after, before)
      assert.deepEqual(handler['headers'], outside['headers'])
      assert.equal(searchOf(String(outside['url'])), searchOf(target))
    })

    test('cannot lead to another path', async () => {
      const errors: unknown[] = []
      await see(host, (exchange) => {
        for (const url of ['/other', '/things/of/1/', 'http://host/things/of/1', ''])
          try {
            derive(exchange, { url })
          } catch (error) {
            errors.push(error)
          }
        return {}
      })
      assert.equal(errors.length, 4)
      for (const error of errors) assert.match(String(error), /^TypeError: .* in its query alone/)
    })
  })
}

for (const host of frameworks) {
  const isKoa = host.name.startsWith('Koa')
  describe(`what ${host.name} makes of a request`, () => {
    test('follows the fields that the handler is shown', async () => {
      const { handler, outside, before, after } = await see(host, () => ({ headers: shown }))
      assert.deepEqual(
        [handler['got'] || undefined, handler['language'], handler['ip']],
        [undefined, 'en', '127.0.0.1'],
      )
      if (isKoa) assert.deepEqual([handler['type'], outside['type']], ['html', 'json'])
      assert.deepEqual([outside['got'], outside['language'], outside['ip']], ['"1"', 'de', '192.0.2.7'])
      assert.deepEqual([before['address'], after['address']], ['192.0.2.7', '192.0.2.7'])
    })

    test('follows the query that the handler is shown', async () => {
      const url = '/things/of/1?b=5&c[y]=6'
      const { handler, outside } = await see(host, () => ({ url }))
      assert.equal(handler['original'], url)
      assert.equal(outside['original'], target)
      const nested = host.name === 'Express 4'
      assert.deepEqual(handler['query'], nested ? { b: '5', c: { y: '6' } } : { b: '5', 'c[y]': '6' })
      assert.deepEqual(
        outside['query'],
        nested ? { a: '1', b: '2', c: { x: '3' } } : { a: '1', b: '2', 'c[x]': '3' },
      )
      if (isKoa) {
        assert.deepEqual([handler['requested'], handler['parameter'], handler['href']], [url, '5', url])
        assert.deepEqual([outside['requested'], outside['parameter'], outside['href']], [target, '2', target])
      } else assert.equal(handler['base'], '/things')
    })
  })
}

for (const [name, create] of [
  ['Express 5', express],
  ['Express 4', express4],
] as const)
  test(`${name}: a query that middleware has cleaned stays clean`, async () => {
    const app = create()
    app.use((req: Request, _res: Response, next: () => void) => {
      Object.defineProperty(req, 'query', { value: { keep: 'clean', drop: 'it' }, configurable: true })
      next()
    })
    app.use(
      mountExpress(millWith((exchange, next) => next(derive(exchange, { url: '/?keep=dirty&bad=1' }))))(),
    )
    app.get('/', (req: Request, res: Response) => void res.json(req.query))
    await serving(app, async (origin) => {
      assert.equal(await ask(origin, '/?keep=dirty&drop=it&bad=1', {}), '{"keep":"clean"}')
    })
  })

/** A handler that answers in two steps, and then looks again; every time it finds the same field or not. */
const inSteps = (
  layer: Layer<Exchange, Reply>,
  gate: Promise<void>,
): { readonly app: RequestListener; readonly found: unknown[] } => {
  const found: unknown[] = []
  const app = listener(millWith(layer), (req: IncomingMessage, res: ServerResponse) => {
    const look = (): void => void found.push(req.headers['x-own'])
    const answer = async (): Promise<void> => {
      res.write('a')
      await gate
      look()
      res.end('b')
      look()
    }
    look()
    void answer()
  })
  return { app, found }
}

describe('what a handler is shown', () => {
  test('lasts until it has ended a streamed answer', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { app, found } = inSteps(async (exchange, next) => {
      const answer = await next(derive(exchange, { headers: shown }))
      setImmediate(resolve)
      return answer
    }, promise)
    await serving(app, async (origin) => {
      assert.equal(await ask(origin, '/', {}), 'ab')
    })
    assert.deepEqual(found, ['yes', 'yes', undefined])
  })

  test('stays for a handler that is late', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { app, found } = inSteps(async (exchange, next) => {
      await next(derive(exchange, { headers: shown }))
      return reply(200, {}, 'instead')
    }, promise)
    await serving(app, async (origin) => {
      assert.equal(await ask(origin, '/', {}), 'instead')
      resolve()
      await turn()
    })
    assert.deepEqual(found, ['yes', 'yes', 'yes'])
  })

  test('stays while Koa sends a stream of its', async () => {
    const found: unknown[] = []
    const app = new Koa()
    app.use(mountKoa(millWith((exchange, next) => next(derive(exchange, { headers: shown }))))())
    app.use((ctx) => {
      const write = async function* (): AsyncGenerator<string> {
        for (let i = 0; i < 3; i++) {
          await turn()
          found.push(ctx.get('x-own'))
          yield '.'
        }
      }
      ctx.body = ReadableStream.from(write())
    })
    await serving(app.callback(), async (origin) => {
      assert.equal(await ask(origin, '/', {}), '...')
    })
    assert.deepEqual(found, ['yes', 'yes', 'yes'])
  })

  test('ends with an error of the handler', async () => {
    const found: unknown[] = []
    const app = new Koa()
    app.use(async (ctx, next) => {
      await next().catch(() => found.push(ctx.get('x-own')))
      ctx.body = 'failed'
    })
    app.use(mountKoa(millWith((exchange, next) => next(derive(exchange, { headers: shown }))))())
    app.use((ctx) => {
      found.push(ctx.get('x-own'))
      throw new Error('no')
    })
    await serving(app.callback(), async (origin) => {
      assert.equal(await ask(origin, '/', {}), 'failed')
    })
    assert.deepEqual(found, ['yes', ''])
  })

  test('may be changed by it, and nobody else sees that', async () => {
    const given = { ...shown, 'set-cookie': ['a', 'b'] }
    const mill = millWith((exchange, next) => next(derive(exchange, { headers: given })))
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      req.headers['x-own'] = 'changed'
      req.headers['set-cookie']?.pop()
      res.end()
    })
    await serving(app, async (origin) => void (await ask(origin, '/', {})))
    assert.deepEqual(given, { ...shown, 'set-cookie': ['a', 'b'] })
  })

  test('is the last that a layer said, and a signal may be put on it', async () => {
    const { signal } = new AbortController()
    let seen: unknown
    const mill = millWith(
      (exchange, next) => next(derive(exchange, { headers: { 'x-own': 'first' }, url: '/?b=1' })),
      (exchange, next) => next(derive(exchange, { headers: { ...exchange.headers, 'x-more': 'second' } })),
      (exchange, next) => next(derive(exchange, { signal })),
    )
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      seen = [req.headers, req.url]
      res.end()
    })
    await serving(app, async (origin) => void (await ask(origin, '/?a=1&b=1', {})))
    assert.deepEqual(seen, [{ 'x-own': 'first', 'x-more': 'second' }, '/?b=1'])
  })

  test('holds for middleware that runs as a layer', async () => {
    const found: unknown[] = []
    const outer = layerPlugin('outer', (exchange, next) => next(derive(exchange, { headers: shown })))
    const inner = connect('inner', (req, _res, next) => {
      found.push(req.headers['x-own'])
      next()
    })
    const mill = millrace({ plugins: [outer, inner], routes: { '/**': { outer: true, inner: true } } })
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      res.on('finish', () => found.push(req.headers['x-own']))
      found.push(req.headers['x-own'])
      res.end()
    })
    await serving(app, async (origin) => void (await ask(origin, '/', {})))
    assert.deepEqual(found, ['yes', 'yes', undefined])
  })

  test('is what a Millrace further in takes for the request, to its end', async () => {
    const found: unknown[] = []
    const inner = millWith(async (exchange, next) => {
      const { outer, ...rest } = exchange.headers
      found.push(outer, exchange.url)
      const answer = await next(derive(exchange, { headers: { ...rest, inner: 'inner' }, url: '/?c=1' }))
      void exchange.done.then(() => found.push(exchange.headers['outer'], exchange.client.address.length > 0))
      return answer
    })
    const outer = millWith(async (exchange, next) => {
      const answer = await next(derive(exchange, { headers: { outer: 'outer' }, url: '/?b=1' }))
      found.push(exchange.headers['client'], exchange.url)
      return answer
    })
    const app = listener(
      outer,
      listener(inner, (req: IncomingMessage, res: ServerResponse) => {
        found.push({ ...req.headers }, req.url)
        res.on('finish', () => found.push(req.headers['client'], req.url))
        res.end()
      }),
    )
    await serving(app, async (origin) => void (await ask(origin, '/?a=1', { client: 'client' })))
    assert.deepEqual(found, [
      ...['outer', '/?b=1', { inner: 'inner' }, '/?c=1'],
      ...['client', '/?a=1', 'client', '/?a=1', 'outer', true],
    ])
  })

  test('is nothing to the layers of a Millrace around', async () => {
    let around: Exchange | undefined
    const outer = millWith((exchange, next) => {
      around = exchange
      return next(exchange)
    })
    const inner = millWith((exchange, next) => next(derive(exchange, { headers: shown })))
    const found: unknown[] = []
    const app = (req: IncomingMessage, res: ServerResponse): void => {
      found.push(req.headers['x-own'], around?.headers['x-own'])
      res.end()
    }
    await serving(listener(outer, listener(inner, app)), async (origin) => void (await ask(origin, '/', {})))
    assert.deepEqual(found, ['yes', undefined])
  })

  test('stays with the layers of a Millrace further in, when it has ended for others', async () => {
    const found: unknown[] = []
    const outer = millWith((exchange, next) => next(derive(exchange, { headers: shown })))
    const inner = millWith((exchange, next) => {
      void exchange.done.then(() => found.push(exchange.headers['x-own'], exchange.native !== undefined))
      return next(exchange)
    })
    const app = (_req: IncomingMessage, res: ServerResponse): void => void res.end()
    await serving(listener(outer, listener(inner, app)), async (origin) => void (await ask(origin, '/', {})))
    assert.deepEqual(found, ['yes', true])
  })

  test('stays for a late handler of a Millrace further in', async () => {
    const found: unknown[] = []
    const outer = millWith((exchange, next) => next(derive(exchange, { headers: { 'x-own': 'outer' } })))
    const inner = millWith(async (exchange, next) => {
      void next(derive(exchange, { headers: { 'x-own': 'inner' } }))
      return reply(200, {}, 'instead')
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    const app = (req: IncomingMessage, res: ServerResponse): void => {
      void promise.then(() => {
        found.push(req.headers['x-own'])
        res.end()
      })
    }
    await serving(listener(outer, listener(inner, app)), async (origin) => {
      assert.equal(await ask(origin, '/', {}), 'instead')
      resolve()
      await turn()
    })
    assert.deepEqual(found, ['inner'])
  })

  test('stays while a layer reads more of a stream than Koa sends', async () => {
    const found: unknown[] = []
    const { promise: sent, resolve: send } = Promise.withResolvers<void>()
    const { promise: read, resolve: finish } = Promise.withResolvers<void>()
    const app = new Koa()
    app.use(
      mountKoa(
        millWith(async (exchange, next) => {
          const answer = await next(derive(exchange, { headers: shown }))
          const { body } = answer
          assert.ok(body !== null && !(body instanceof Uint8Array))
          const rest = async (): Promise<void> => {
            for await (const _ of body);
            finish()
          }
          void rest()
          answer.body = new TextEncoder().encode('part')
          return answer
        }),
      )(),
    )
    app.use((ctx) => {
      const write = async function* (): AsyncGenerator<Uint8Array> {
        await sent
        found.push(ctx.get('x-own'))
        yield new Uint8Array(1)
      }
      ctx.body = ReadableStream.from(write())
    })
    await serving(app.callback(), async (origin) => {
      assert.equal(await ask(origin, '/', {}), 'part')
      send()
      await read
    })
    assert.deepEqual(found, ['yes'])
  })

  test('holds for injected requests', async () => {
    let seen: unknown
    const mill = millWith(async (exchange, next) => {
      if (exchange.synthetic) return next(derive(exchange, { headers: shown, url: '/in?b=2' }))
      const { status } = await exchange.inject({ url: '/in?a=1', headers: { 'X-A': 'b' }, cause: {} })
      return reply(status)
    })
    const app = listener(mill, (req: IncomingMessage, res: ServerResponse) => {
      seen = ofMessage(req)
      res.end()
    })
    await serving(app, async (origin) => void (await ask(origin, '/', {})))
    assert.deepEqual(seen, {
      headers: shown,
      raw: Object.entries(shown).flat(),
      distinct: Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, [value]])),
      url: '/in?b=2',
    })
  })

  test('holds on HTTP/2, whose pseudo-fields are not header fields', async () => {
    const seen: Sight[] = []
    let around: Exchange | undefined
    const mill = millWith(async (exchange, next) => {
      around = exchange
      const answer = await next(derive(exchange, { headers: { 'x-own': 'yes' }, url: '/a?c=2' }))
      seen.push({ headers: Object.fromEntries(Object.entries(exchange.headers)), url: exchange.url })
      return answer
    })
    const inner = listener(mill, (req: Http2ServerRequest, res: Http2ServerResponse) => {
      seen.push({
        ...ofMessage(req),
        method: req.method,
        authority: req.authority,
        sent: around?.headers[':path'],
      })
      res.end()
    })
    const server: Server = createHttp2((req, res) => {
      res.on('finish', () => seen.push(ofMessage(req)))
      inner(req, res)
    })
    server.listen(0)
    await once(server, 'listening')
    const session = connectHttp2(`http://localhost:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ':path': '/a?b=1', 'x-client': '1' })
    stream.resume()
    await once(stream, 'close')
    session.close()
    server.close()
    const [handler, after, outside] = seen
    const { ':authority': authority, ...rest } = Object(handler?.['headers'])
    assert.deepEqual(rest, { ':method': 'GET', ':scheme': 'http', ':path': '/a?c=2', 'x-own': 'yes' })
    assert.ok(Array.isArray(handler?.['raw']) && handler['raw'].includes('x-own'))
    assert.equal(handler['raw'].includes('x-client'), false)
    assert.deepEqual(
      [handler['url'], handler['method'], handler['authority'], handler['sent']],
      ['/a?c=2', 'GET', authority, '/a?b=1'],
    )
    const own = {
      ':method': 'GET',
      ':authority': authority,
      ':scheme': 'http',
      ':path': '/a?b=1',
      'x-client': '1',
    }
    assert.deepEqual(after, { headers: own, url: '/a?b=1' })
    assert.deepEqual(Object.fromEntries(Object.entries(Object(outside?.['headers']))), own)
    assert.equal(outside?.['url'], '/a?b=1')
  })
})
