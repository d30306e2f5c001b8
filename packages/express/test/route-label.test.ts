import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { layerPlugin } from '@millrace/testing'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import express4 from 'express4'

const hello: RequestHandler = (_req, res) => {
  res.send('hello')
}

const fail: RequestHandler = () => {
  throw new Error('as asked')
}

const apologise: ErrorRequestHandler = (_error, _req, res, _next) => {
  res.status(500).send('sorry')
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

/** What is told where the handler has thrown, in place of the above: routers have taken back what they had set. */
const thrown: readonly (readonly [path: string, label: string])[] = [
  ...labels.filter(([path]) => !/^\/(sub|tenants)\//.test(path)),
  // Nobody knows any more what was below an app that is mounted.
  ['/sub/things/7', '/**'],
  ['/tenants/acme/deep/9', '/**'],
]

for (const [name, create] of [
  ['Express 5', express],
  ['Express 4', express4],
] as const) {
  const wild = name === 'Express 5' ? '/wild/*rest' : '/wild/*'

  describe(`route labels of ${name}`, () => {
    const appWith = (answers: RequestHandler): { app: Express; seen: () => string } => {
      let seen = ''
      const probe = layerPlugin('probe', async (exchange, next) => {
        const reply = await next(exchange)
        seen = exchange.route
        return reply
      })
      const mill = millrace({ plugins: [probe], routes: { '/**': { probe: true } } })
      const app = create()
      app.use(mount(mill)())
      app.get('/plain', answers)
      app.get('/cities/:id', answers)

      const api = create.Router()
      api.get('/', answers)
      api.get('/cities/:id', answers)
      app.use('/api', api)

      const users = create.Router()
      users.get('/posts/:post', answers)
      const files = create.Router()
      files.get('/:file', answers)
      users.use('/files', files)
      app.use('/users/:user', users)

      const sub = create()
      sub.get('/things/:thing', answers)
      app.use('/sub', sub)

      const tenant = create()
      tenant.get('/items/:item', answers)
      const deep = create.Router()
      deep.get('/:item', answers)
      tenant.use('/deep', deep)
      app.use('/tenants/:tenant', tenant)

      const versioned = create.Router()
      versioned.get('/ping', answers)
      app.use('/v:version', versioned)

      app.get(wild, answers)
      app.use(apologise)
      return { app, seen: () => seen }
    }

    /** @returns what was seen for each path */
    const labelsOf = async (answers: RequestHandler, paths: readonly string[]): Promise<unknown> => {
      const { app, seen } = appWith(answers)
      const server = app.listen(0)
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      const told: [path: string, label: string][] = []
      try {
        for (const path of paths) {
          await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
          told.push([path, seen()])
        }
        return told
      } finally {
        server.closeAllConnections()
        server.close()
      }
    }
    const pathsOf = (table: typeof labels): string[] => table.map(([path]) => path)

    test('are the patterns as written, never what was sent', async () => {
      const table = [...labels, ['/wild/a/b', wild] as const]
      assert.deepEqual(await labelsOf(hello, pathsOf(table)), table)
    })

    test('are the same where the handler throws', async () => {
      const table = [...thrown, ['/wild/a/b', wild] as const]
      assert.deepEqual(await labelsOf(fail, pathsOf(table)), table)
    })

    test('where a router is mounted under a part of a segment: Express 4 does not tell the pattern', async () => {
      const label = name === 'Express 5' ? '/v:version/ping' : '/**'
      for (const answers of [hello, fail])
        assert.deepEqual(await labelsOf(answers, ['/v2/ping']), [['/v2/ping', label]])
    })
  })
}
