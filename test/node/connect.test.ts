import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { millrace } from '@millrace/core'
import { connect } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import compression from 'compression'
import cors from 'cors'
import helmet from 'helmet'
import morgan from 'morgan'
import serveStatic from 'serve-static'
import { hosts, serving } from './hosts.ts'

for (const [name, host] of Object.entries(hosts)) {
  describe(`connect() on ${name}`, () => {
    test('middleware that sets fields: helmet, on the routes that say so', async () => {
      const calls: string[] = []
      const mill = millrace({ plugins: [connect('helmet', helmet())], routes: { '/json': { helmet: true } } })
      await serving(host(mill, calls), async (origin) => {
        const safe = await fetch(`${origin}/json`)
        assert.equal(safe.headers.get('x-content-type-options'), 'nosniff')
        assert.deepEqual(await safe.json(), { hello: 'world' })
        const bare = await fetch(`${origin}/text/3`)
        assert.equal(bare.headers.get('x-content-type-options'), null)
        assert.equal(await bare.text(), 'xxx')
      })
    })

    test('middleware that answers by itself: cors to a preflight; the layers see that reply', async () => {
      const calls: string[] = []
      const seen: unknown[] = []
      const plugins = [
        layerPlugin('probe', async (exchange, next) => {
          const reply = await next(exchange)
          void exchange.done.then((outcome) => seen.push([exchange.method, reply.status, outcome.bytes]))
          reply.headers.set('x-probe', '1')
          return reply
        }),
        connect('cors', cors({ origin: 'https://a.example' })),
      ]
      const mill = millrace({
        plugins,
        routes: { '/**': { cors: true, probe: true } },
      })
      await serving(host(mill, calls), async (origin) => {
        const preflight = await fetch(`${origin}/json`, {
          method: 'OPTIONS',
          headers: { origin: 'https://a.example', 'access-control-request-method': 'PUT' },
        })
        assert.equal(preflight.status, 204)
        assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://a.example')
        assert.equal(preflight.headers.get('x-probe'), '1')
        assert.deepEqual(calls, [])
        const plain = await fetch(`${origin}/json`)
        assert.equal(plain.headers.get('access-control-allow-origin'), 'https://a.example')
        assert.deepEqual(await plain.json(), { hello: 'world' })
        assert.deepEqual(seen[0], ['OPTIONS', 204, 0])
      })
    })

    test('middleware that wraps the response: compression', async () => {
      const calls: string[] = []
      const mill = millrace({
        plugins: [connect('compression', compression())],
        routes: { '/text/**': { compression: true } },
      })
      await serving(host(mill, calls), async (origin) => {
        const large = await fetch(`${origin}/text/5000`, { headers: { 'accept-encoding': 'gzip' } })
        assert.equal(large.headers.get('content-encoding'), 'gzip')
        assert.equal((await large.text()).length, 5000)
        const small = await fetch(`${origin}/text/10`, { headers: { 'accept-encoding': 'gzip' } })
        assert.equal(small.headers.get('content-encoding'), null)
        assert.equal((await small.text()).length, 10)
      })
    })

    test('middleware that streams a file, or lets go on: serve-static', async () => {
      const calls: string[] = []
      const mill = millrace({
        plugins: [connect('files', serveStatic(import.meta.dirname))],
        routes: { '/**': { files: true } },
      })
      await serving(host(mill, calls), async (origin) => {
        const file = await fetch(`${origin}/connect.test.ts`)
        assert.equal(file.status, 200)
        assert.match(await file.text(), /middleware that streams a file/)
        const part = await fetch(`${origin}/connect.test.ts`, { headers: { range: 'bytes=0-5' } })
        assert.deepEqual([part.status, await part.text()], [206, 'import'])
        assert.deepEqual(calls, [])
        assert.deepEqual(await (await fetch(`${origin}/json`)).json(), { hello: 'world' })
        assert.equal((await fetch(`${origin}/nowhere`)).status, 404)
      })
    })

    test('middleware that only watches: morgan', async () => {
      const calls: string[] = []
      const lines: string[] = []
      const logged = Promise.withResolvers<void>()
      const log = morgan(':method :url :status :res[content-type]', {
        stream: {
          write: (line) => {
            lines.push(line.trim())
            logged.resolve()
          },
        },
      })
      const mill = millrace({ plugins: [connect('log', log)], routes: { '/**': { log: true } } })
      await serving(host(mill, calls), async (origin) => {
        await (await fetch(`${origin}/json`)).text()
        await logged.promise
        assert.match(lines[0] ?? '', /^GET \/json 200 application\/json/)
      })
    })

    test("an error given to next is the host's to handle", async () => {
      if (name === 'listener') return
      const calls: string[] = []
      const refuse = connect('refuse', (_req, _res, next) =>
        next(Object.assign(new Error('no'), { status: 418, expose: true })),
      )
      const mill = millrace({ plugins: [refuse], routes: { '/**': { refuse: true } } })
      await serving(host(mill, calls), async (origin) => {
        assert.equal((await fetch(`${origin}/json`)).status, 418)
        assert.deepEqual(calls, [])
      })
    })
  })
}

test('connect() takes no options in a rule', () => {
  assert.throws(
    () =>
      millrace({
        plugins: [connect('helmet', helmet())],
        routes: { '/**': { helmet: JSON.parse('{"hsts":true}') } },
      }),
    {
      message:
        'routes["/**"].helmet.hsts: expected true or false; give options to the middleware itself, got true',
    },
  )
})
