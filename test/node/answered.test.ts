import assert from 'node:assert/strict'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { HeaderMap, millrace } from '@millrace/core'
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

const fields = [
  'Content-Type',
  'text/plain',
  'Content-Length',
  '2',
  'Age',
  '0',
  'Link',
  '</a>',
  'Link',
  '</b>',
]

const short = ['Age', '0', 'ETag', '"v1"']

/** The same answer to every request, from one list of fields, as a cache has it; below `/short` a 304 from another list. */
const answering = () =>
  millrace({
    plugins: [
      layerPlugin('one', async ({ path }) =>
        path === '/short'
          ? { status: 304, headers: new HeaderMap(short), body: null }
          : { status: 200, headers: new HeaderMap(fields), body: Buffer.from('ok') },
      ),
    ],
    routes: { '/**': { one: true } },
  })

type Standing = readonly (readonly [string, string | string[]])[]

const setFields = (res: ServerResponse, isShort: boolean): void => {
  if (isShort) {
    res.setHeader('Age', '0').setHeader('ETag', '"v1"')
    return
  }
  res.setHeader('Content-Type', 'text/plain').setHeader('Content-Length', '2').setHeader('Age', '0')
  res.setHeader('Link', ['</a>', '</b>'])
}

const merged =
  (standing: Standing): RequestListener =>
  (req, res) => {
    for (const [name, value] of standing) res.setHeader(name, value)
    const isShort = req.url === '/short'
    setFields(res, isShort)
    if (isShort) res.writeHead(304).end()
    else res.writeHead(200).end('ok')
  }

const standing = fc.array(
  fc.oneof(
    fc.constantFrom<[string, string]>(['X-Powered-By', 'Express'], ['age', '7'], ['X-A', '1'], ['X-A', '2']),
    fc.constant<[string, string[]]>(['Set-Cookie', ['a=1', 'b=2']]),
  ),
  { maxLength: 3 },
)
const request = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST'),
  path: fc.constantFrom('/', '/short'),
  version: fc.constantFrom('1.1', '1.0'),
  connection: fc.constantFrom('', 'Connection: close\r\n', 'Connection: keep-alive\r\n'),
  standing,
})

describe('a head that is used again', () => {
  const hosts: Readonly<
    Record<string, (now: () => Standing) => readonly [RequestListener, RequestListener]>
  > = {
    Node: (now) => {
      const wrapped = listener(answering(), () => assert.fail('the layer answers'))
      const served: RequestListener = (req, res) => {
        for (const [name, value] of now()) res.setHeader(name, value)
        wrapped(req, res)
      }
      return [served, (req, res) => merged(now())(req, res)]
    },
    Koa: (now) => {
      const app = (install: (koa: Koa) => void): RequestListener => {
        const koa = new Koa()
        koa.use((ctx, next) => {
          for (const [name, value] of now()) ctx.res.setHeader(name, value)
          return next()
        })
        install(koa)
        return koa.callback()
      }
      return [
        app((koa) => koa.use(koaMount(answering())())),
        app((koa) =>
          koa.use(({ res, response, path }) => {
            if (path === '/short') response.body = null
            response.status = path === '/short' ? 304 : 200
            setFields(res, path === '/short')
            if (path !== '/short') response.body = Buffer.from('ok')
          }),
        ),
      ]
    },
  }

  for (const [host, pair] of Object.entries(hosts))
    test(`is what ${host} would write, whatever the request and whatever stands on the response`, async () => {
      let now: Standing = []
      const [served, bare] = pair(() => now)
      await serving(served, async (ours) => {
        await serving(bare, async (nodes) => {
          await fc.assert(
            fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 4 }), async (requests) => {
              for (const { method, path, version, connection, standing } of requests) {
                now = standing
                const text = `${method} ${path} HTTP/${version}\r\nHost: a\r\n${connection}\r\n`
                assert.equal(await say(ours, text), await say(nodes, text))
              }
            }),
            { numRuns: 100, seed: 1 },
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
    const names = ['x-powered-by', 'content-type', 'content-length', 'age', 'link']
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
          headers: new HeaderMap(fields),
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
