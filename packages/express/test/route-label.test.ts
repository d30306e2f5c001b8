import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { layerPlugin } from '@millrace/testing'
import express, { type Express, type RequestHandler } from 'express'
import express4 from 'express4'

const hello: RequestHandler = (_req, res) => {
  res.send('hello')
}

const labels: readonly (readonly [path: string, label: string])[] = [
  ['/plain', '/plain'],
  ['/cities/42', '/cities/:id'],
  ['/api', '/api'],
  ['/api/cities/42', '/api/cities/:id'],
  ['/users/42/posts/7', '/users/:user/posts/:post'],
  ['/users/42/files/7', '/users/:user/files/:file'],
  ['/sub/things/7', '/sub/things/:thing'],
  ['/tenants/acme/items/9', '/tenants/:tenant/items/:item'],
  ['/tenants/acme/deep/9', '/tenants/:tenant/deep/:item'],
  ['/nowhere/42', '/**'],
]

for (const [name, create] of [
  ['Express 5', express],
  ['Express 4', express4],
] as const) {
  describe(`route labels of ${name}`, () => {
    const appWith = (): { app: Express; seen: () => string } => {
      let seen = ''
      const probe = layerPlugin('probe', async (exchange, next) => {
        const reply = await next(exchange)
        seen = exchange.route
        return reply
      })
      const mill = millrace({ plugins: [probe], routes: { '/**': { probe: true } } })
      const app = create()
      app.use(mount(mill)())
      app.get('/plain', hello)
      app.get('/cities/:id', hello)

      const api = create.Router()
      api.get('/', hello)
      api.get('/cities/:id', hello)
      app.use('/api', api)

      const users = create.Router()
      users.get('/posts/:post', hello)
      const files = create.Router()
      files.get('/:file', hello)
      users.use('/files', files)
      app.use('/users/:user', users)

      const sub = create()
      sub.get('/things/:thing', hello)
      app.use('/sub', sub)

      const tenant = create()
      tenant.get('/items/:item', hello)
      const deep = create.Router()
      deep.get('/:item', hello)
      tenant.use('/deep', deep)
      app.use('/tenants/:tenant', tenant)

      const versioned = create.Router()
      versioned.get('/ping', hello)
      app.use('/v:version', versioned)
      return { app, seen: () => seen }
    }

    test('are the patterns as written, never what was sent', async () => {
      const { app, seen } = appWith()
      const server = app.listen(0)
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      try {
        for (const [path, label] of labels) {
          await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
          assert.equal(seen(), label, path)
        }
        // Mounted under a part of a segment: Express 4 does not tell the pattern, and the path must not be told.
        await (await fetch(`http://127.0.0.1:${port}/v2/ping`)).text()
        assert.equal(seen(), name === 'Express 5' ? '/v:version/ping' : '/**')
      } finally {
        server.closeAllConnections()
        server.close()
      }
    })
  })
}
