import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import Router from '@koa/router'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/koa'
import { layerPlugin } from '@millrace/testing'
import Koa from 'koa'
import mountAt from 'koa-mount'

/** The label of a request for `path` to an app with a router, mounted at `prefix`. */
const labelOf = async (prefix: string, path: string): Promise<string> => {
  const labels: string[] = []
  const plugin = layerPlugin('own', async (exchange, next) => {
    const answer = await next(exchange)
    labels.push(exchange.route)
    return answer
  })
  const mill = millrace({ plugins: [plugin], routes: { '/**': { own: true } } })
  const router = new Router().get('/users/:id', (ctx) => {
    ctx.body = ctx['params'].id
  })
  const inner = new Koa().use(router.routes())
  const server = new Koa().use(mount(mill)()).use(mountAt(prefix, inner)).listen(0)
  try {
    const { port } = server.address() as AddressInfo
    await (await fetch(`http://localhost:${port}${path}`)).text()
  } finally {
    server.closeAllConnections()
    server.close()
  }
  return labels.join()
}

it('the label of a route inside of koa-mount begins with where it is mounted', async () => {
  assert.equal(await labelOf('/api', '/api/users/42'), '/api/users/:id')
})

it('and is the pattern alone where that is the root', async () => {
  assert.equal(await labelOf('/', '/users/42'), '/users/:id')
})

it('and the most specific pattern of the table where no router has matched', async () => {
  assert.equal(await labelOf('/api', '/api/other'), '/**')
})
