import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Exchange, HeaderMap, type Layer, millrace, type Reply } from '@millrace/core'
import { mount } from '@millrace/koa'
import { layerPlugin } from '@millrace/testing'
import Koa, { type Middleware } from 'koa'
import Koa2 from 'koa2'

/**
 * Middleware further out that calls `next()` and does not wait: Koa answers at once, and with handlers that do not
 * wait either nobody notices.
 */
const forgetful: Middleware = (_ctx, next) => {
  void next()
}

const ask = async (
  create: () => Koa,
  layer: Layer<Exchange, Reply>,
  handler: Middleware,
): Promise<Response> => {
  const mill = millrace({ plugins: [layerPlugin('own', layer)], routes: { '/**': { own: true } } })
  const server = create().use(forgetful).use(mount(mill)()).use(handler).listen(0)
  try {
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://localhost:${port}/`, { signal: AbortSignal.timeout(5_000) })
    return new Response(await response.text(), { status: response.status, headers: response.headers })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const hello: Middleware = (ctx) => {
  ctx.body = 'hello'
}
const big = 'x'.repeat(100_000)
const stream: Middleware = (ctx) => {
  ctx.body = Readable.from([big, big, big])
}
const nothing: Middleware = () => undefined

for (const [name, create] of [
  ['Koa 3', () => new Koa()],
  ['Koa 2', () => new Koa2()],
] as const) {
  it(`${name}: answers go out though middleware further out does not wait`, async () => {
    const response = await ask(create, async (exchange, next) => next(exchange), hello)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-length'), '5')
    assert.equal(await response.text(), 'hello')
  })

  it(`${name}: nothing at all is a 404 then`, async () => {
    const response = await ask(create, async (exchange, next) => next(exchange), nothing)
    assert.equal(response.status, 404)
    assert.equal(await response.text(), 'Not Found')
  })

  it(`${name}: layers change the head and the body of such an answer`, async () => {
    const change: Layer<Exchange, Reply> = async (exchange, next) => {
      const reply = await next(exchange)
      reply.headers.set('X-Own', '1')
      reply.body = Buffer.from('changed')
      return reply
    }
    const response = await ask(create, change, hello)
    assert.equal(response.headers.get('x-own'), '1')
    assert.equal(response.headers.get('content-length'), '7')
    assert.equal(await response.text(), 'changed')
  })

  it(`${name}: a stream goes out whole, also where a layer changes the head`, async () => {
    const change: Layer<Exchange, Reply> = async (exchange, next) => {
      const reply = await next(exchange)
      reply.headers.set('X-Own', '1')
      return reply
    }
    const response = await ask(create, change, stream)
    assert.equal(response.headers.get('x-own'), '1')
    assert.equal((await response.text()).length, 300_000)
  })

  it(`${name}: a layer that answers too late throws at nobody`, async () => {
    const late: Layer<Exchange, Reply> = async () => {
      await setImmediate()
      return { status: 200, reason: undefined, headers: new HeaderMap([]), body: Buffer.from('late') }
    }
    const response = await ask(create, late, hello)
    assert.equal(response.status, 404)
  })
}
