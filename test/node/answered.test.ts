import assert from 'node:assert/strict'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { AlreadyAnsweredError, HeaderMap, millrace, reply, Stem } from '@millrace/core'
import { mount } from '@millrace/express'
import { mount as koaMount } from '@millrace/koa'
import { connect as connectPlugin, listener } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import express from 'express'
import fc from 'fast-check'
import Koa from 'koa'
import morgan from 'morgan'
import { serving } from './hosts.ts'

/** All that a server says to one request on a connection of its own, but for the time. */
const say = (origin: string, request: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ''
    const socket = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', allowHalfOpen: true })
    socket.setEncoding('latin1')
    socket.on('data', (text) => {
      said += text
      if (said.includes('\r\n\r\n')) socket.end()
    })
    socket.on('close', () => resolve(said.replace(/Date: [^\r]*/, 'Date: now')))
    socket.on('error', reject)
    socket.end(request)
  })

const page = new Stem([
  ...['Content-Type', 'text/plain'],
  ...['Content-Length', '2'],
  ...['Date', 'Sat, 21 Nov 2026 12:00:00 GMT'],
  ...['Link', '</a>'],
  ...['Link', '</b>'],
])

const short = new Stem(['Date', 'Sat, 21 Nov 2026 12:00:00 GMT', 'ETag', '"v1"'])

/** The same answers to every request, but for their age: as a cache has them, and below `/list` as one that is made anew. */
const answering = (age = () => '0') =>
  millrace({
    plugins: [
      layerPlugin('one', async ({ path }) => {
        const more = ['Age', age()]
        if (path === '/short') return { status: 304, headers: new HeaderMap(short, more), body: null }
        const headers = path === '/list' ? new HeaderMap(page.raw, more) : new HeaderMap(page, more)
        return { status: 200, headers, body: Buffer.from('ok') }
      }),
    ],
    routes: { '/**': { one: true } },
  })

type Standing = readonly (readonly [string, string | string[]])[]

const setFields = (res: ServerResponse, isShort: boolean, age: string): void => {
  const date = 'Sat, 21 Nov 2026 12:00:00 GMT'
  if (isShort) res.setHeader('Date', date).setHeader('ETag', '"v1"')
  else {
    res.setHeader('Content-Type', 'text/plain').setHeader('Content-Length', '2').setHeader('Date', date)
    res.setHeader('Link', ['</a>', '</b>'])
  }
  res.setHeader('Age', age)
}

const merged =
  (standing: Standing, age: string): RequestListener =>
  (req, res) => {
    for (const [name, value] of standing) res.setHeader(name, value)
    const isShort = req.url === '/short'
    setFields(res, isShort, age)
    if (isShort) res.writeHead(304).end()
    else res.writeHead(200).end('ok')
  }

/** What middleware does when it has waited for the answer: it looks, and it changes what it found. */
const afterwards: Readonly<Record<string, (ctx: Koa.Context) => void>> = {
  nothing: () => undefined,
  looks: (ctx) => ctx.set('X-Seen', `${ctx.response.get('link')} ${Object.keys(ctx.response.headers)}`),
  adds: (ctx) => ctx.set('X-Response-Time', '1ms'),
  appends: (ctx) => void ctx.res.appendHeader('Link', '</c>'),
  replaces: (ctx) => ctx.set('age', '9'),
  removes: (ctx) => ctx.remove('Age'),
  'removes what is not there': (ctx) => ctx.remove('X-Nothing'),
  'says another status': (ctx) => {
    ctx.status = ctx.status === 304 ? 304 : 203
  },
  'says something else': (ctx) => {
    if (ctx.status !== 304) ctx.body = { other: ctx.response.length }
  },
  throws: (ctx) => ctx.throw(418, 'no'),
  'writes the head': ({ res, body, status }) => void res.writeHead(status, { 'X-Late': '1' }).end(body),
}

/** Mostly the usual, as else hardly two in a row would be the same. */
const standing = fc.oneof(
  fc.constantFrom<Standing>([], [], [['X-A', '1']], [['X-A', '2']], [['age', '7']]),
  fc.array(
    fc.oneof(
      fc.constantFrom<[string, string]>(['age', '7'], ['X-A', '1'], ['X-A', '2'], ['date', 'now']),
      fc.constant<[string, string[]]>(['Set-Cookie', ['a=1', 'b=2']]),
    ),
    { maxLength: 3 },
  ),
)
const request = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST'),
  path: fc.constantFrom('/', '/', '/short', '/list'),
  age: fc.constantFrom('0', '1'),
  after: fc.constantFrom(...Object.keys(afterwards)),
  version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
  connection: fc.constantFrom('', '', 'Connection: close\r\n', 'Connection: keep-alive\r\n'),
  standing,
})

describe('a head that is used again', () => {
  interface Now {
    readonly standing: Standing
    readonly age: string
    readonly after: string
  }
  const hosts: Readonly<Record<string, (now: () => Now) => readonly [RequestListener, RequestListener]>> = {
    Node: (now) => {
      const wrapped = listener(
        answering(() => now().age),
        () => assert.fail('the layer answers'),
      )
      const served: RequestListener = (req, res) => {
        for (const [name, value] of now().standing) res.setHeader(name, value)
        wrapped(req, res)
      }
      return [served, (req, res) => merged(now().standing, now().age)(req, res)]
    },
    Koa: (now) => {
      const app = (install: (koa: Koa) => void): RequestListener => {
        const koa = new Koa()
        koa.silent = true
        koa.use(async (ctx, next) => {
          const { standing, after } = now()
          for (const [name, value] of standing) ctx.res.setHeader(name, value)
          await next()
          afterwards[after]?.(ctx)
        })
        install(koa)
        return koa.callback()
      }
      return [
        app((koa) => koa.use(koaMount(answering(() => now().age))())),
        app((koa) =>
          koa.use(({ res, response, path }) => {
            if (path === '/short') response.body = null
            response.status = path === '/short' ? 304 : 200
            setFields(res, path === '/short', now().age)
            if (path !== '/short') response.body = Buffer.from('ok')
          }),
        ),
      ]
    },
  }

  for (const [host, pair] of Object.entries(hosts))
    test(`is what ${host} would write, whatever the request and whatever stands on the response`, async () => {
      let now: Now = { standing: [], age: '0', after: 'nothing' }
      const [served, bare] = pair(() => now)
      await serving(served, async (ours) => {
        await serving(bare, async (nodes) => {
          await fc.assert(
            fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 6 }), async (requests) => {
              for (const { method, path, version, connection, ...others } of requests) {
                now = others
                const text = `${method} ${path} HTTP/${version}\r\nHost: a\r\n${connection}\r\n`
                assert.equal(await say(ours, text), await say(nodes, text))
              }
            }),
            { numRuns: 300, seed: 1 },
          )
        })
      })
    })

  test('minds what changes about the server meanwhile', async () => {
    const server = createServer(listener(answering(), () => assert.fail('the layer answers')))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const ask = (): Promise<string> => say(origin, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await ask(), /Keep-Alive: timeout=5\r/)
    assert.match(await ask(), /Keep-Alive: timeout=5\r/)
    server.keepAliveTimeout = 9000
    assert.match(await ask(), /Keep-Alive: timeout=9\r/)
    server.maxRequestsPerSocket = 3
    assert.match(await ask(), /Keep-Alive: timeout=9, max=3\r/)
    server.closeAllConnections()
    server.close()
  })

  test('shows its fields to whoever looks afterwards', async () => {
    const lines: string[] = []
    const seen: unknown[] = []
    const app = express()
    app.use((_req, res, next) => {
      res.on('finish', () =>
        seen.push(
          res.getHeader('content-length'),
          res.getHeader('LINK'),
          res.getHeaderNames(),
          res.hasHeader('age'),
          res.hasHeader('b'),
          res.getHeaders()['x-powered-by'],
        ),
      )
      next()
    })
    app.use(morgan(':status :res[content-length]', { stream: { write: (line) => lines.push(line.trim()) } }))
    app.use(mount(answering())())
    await serving(app, async (origin) => {
      await say(origin, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      seen.length = 0
      await say(origin, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    })
    const names = ['x-powered-by', 'content-type', 'content-length', 'date', 'link', 'age']
    assert.deepEqual(seen, ['2', ['</a>', '</b>'], names, true, false, 'Express'])
    assert.deepEqual(lines, ['200 2', '200 2'])
  })

  test('is seen by middleware that wraps writeHead or setHeader', async () => {
    const heard: unknown[] = []
    const plugin = connectPlugin('spy', (_req, res, next) => {
      const { writeHead } = res
      const spy = (...args: unknown[]): unknown => {
        heard.push(res.getHeader('age'))
        return Reflect.apply(writeHead, res, args)
      }
      Object.assign(res, { writeHead: spy })
      next()
    })
    const mill = millrace({
      plugins: [
        plugin,
        layerPlugin('one', async () => ({
          status: 200,
          headers: new HeaderMap(page, ['Age', '0']),
          body: Buffer.from('ok'),
        })),
      ],
      routes: { '/**': { spy: true, one: true } },
    })
    await serving(
      listener(mill, () => assert.fail('the layer answers')),
      async (origin) => {
        for (let i = 0; i < 2; i++)
          assert.match(await say(origin, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /Age: 0\r/)
      },
    )
    assert.deepEqual(heard, ['0', '0'])
  })

  test('a field that Node refuses is an error, and the error is answered', async () => {
    const app = express()
    app.use(
      mount(
        millrace({
          plugins: [
            layerPlugin('bad', async () => ({
              status: 200,
              headers: new HeaderMap(['X-Bad', 'a\nb']),
              body: null,
            })),
          ],
          routes: { '/**': { bad: true } },
        }),
      )(),
    )
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
      res.status(500).json({ code: error.code })
    }
    app.use(onError)
    await serving(app, async (origin) => {
      const answer = await fetch(origin)
      assert.equal(answer.status, 500)
      assert.deepEqual(await answer.json(), { code: 'ERR_INVALID_CHAR' })
    })
  })
})

test('a layer that waits for a handler is told when one further out has answered', async () => {
  const told: unknown[] = []
  const mill = millrace({
    plugins: [
      layerPlugin('outer', async (exchange, next) => {
        void next(exchange)
        return reply(200, {}, 'instead')
      }),
      layerPlugin('inner', async (exchange, next) => {
        try {
          return await next(exchange)
        } catch (error) {
          told.push(error)
          return reply(500)
        }
      }),
    ],
    routes: { '/**': { outer: true, inner: true } },
  })
  const app = express()
  app.use(mount(mill)())
  app.use(() => undefined)
  const koa = new Koa()
  koa.use(koaMount(mill)())
  koa.use(() => new Promise<void>(() => undefined))
  for (const handle of [app, koa.callback(), listener(mill, () => undefined)])
    await serving(handle, async (origin) => {
      assert.equal(await (await fetch(origin)).text(), 'instead')
      const [error] = told.splice(0)
      assert.ok(error instanceof AlreadyAnsweredError)
    })
})

describe('the error of a layer in front of a bare app', () => {
  for (const [status, expected] of [
    [503, 503],
    [404, 404],
    [200, 500],
    ['503', 500],
    [undefined, 500],
  ] as const)
    test(`that says ${JSON.stringify(status)} is answered with ${expected}`, async () => {
      const fails = layerPlugin('fails', async () => {
        throw Object.assign(new Error('no'), { status })
      })
      const mill = millrace({ plugins: [fails], routes: { '/**': { fails: true } } })
      await serving(
        listener(mill, (_req, res) => void res.end()),
        async (origin) => {
          const answered = await fetch(origin)
          assert.equal(answered.status, expected)
          assert.equal(answered.headers.get('content-type'), 'application/problem+json')
          await answered.body?.cancel()
        },
      )
    })
})
