import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { cache, memory } from '@millrace/cache'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { layerPlugin } from '@millrace/testing'
import express from 'express'
import Koa from 'koa'
import { Count, collectGarbage } from './garbage.ts'

const requests = 6_000 * Math.max(1, Number(process.env.MILLRACE_RUNS ?? 1))
const atOnce = 32

type Mill = Millrace<readonly AnyPlugin[]>

/** What a handler does, by the first part of the path; it fails two times out of three. */
const say = (kind: string, run: number): { readonly status: number; readonly cookie: boolean } => ({
  status: kind === 'fail' && run % 3 > 0 ? 503 : 200,
  cookie: kind === 'cookie',
})

const onExpress = (mill: Mill): RequestListener => {
  let run = 0
  const app = express()
  app.use(mountExpress(mill)())
  app.use((req, res) => {
    const kind = req.path.split('/')[1] ?? ''
    const { status, cookie } = say(kind, ++run)
    if (cookie) res.cookie('a', 'b')
    if (kind === 'vary') res.vary('x-a')
    if (kind === 'cut') {
      res.write('a')
      setImmediate(() => (run % 2 ? res.destroy() : res.end('b')))
    } else res.status(status).send(`${kind} ${req.headers['x-a']}`)
  })
  return app
}

const onKoa = (mill: Mill): RequestListener => {
  let run = 0
  const app = new Koa()
  app.silent = true
  app.use(mountKoa(mill)())
  app.use((ctx) => {
    const kind = ctx.path.split('/')[1] ?? ''
    const { status, cookie } = say(kind, ++run)
    if (cookie) ctx.cookies.set('a', 'b')
    if (kind === 'vary') ctx.vary('x-a')
    ctx.status = status
    ctx.body = `${kind} ${ctx.get('x-a')}`
  })
  return app.callback()
}

const kinds = ['plain', 'vary', 'fail', 'cookie', 'cut', 'once']

/** Some of the clients leave at once. */
const ask = (port: number, agent: Agent, i: number): Promise<void> =>
  new Promise((resolve) => {
    const kind = kinds[i % kinds.length]
    const path = kind === 'once' ? `/once/${i}` : `/${kind}/${i % 10}`
    const asked = request({ port, agent, path, headers: { 'x-a': `${i % 7}` } }, (res) => {
      res.resume().on('close', resolve)
    })
    asked.on('error', () => resolve()).end()
    if (i % 41 === 0) setImmediate(() => asked.destroy())
  })

const load = async (port: number, agent: Agent, total: number): Promise<void> => {
  let sent = 0
  const talk = async (): Promise<void> => {
    while (sent < total) await ask(port, agent, sent++)
  }
  await Promise.all(Array.from({ length: atOnce }, talk))
}

describe(`${requests} requests to a cache leave nothing behind`, () => {
  for (const [name, build] of [
    ['Express 5', onExpress],
    ['Koa 3', onKoa],
  ] as const) {
    it(name, async () => {
      const count = new Count()
      const plugin = cache({ tiers: [memory({ maxSize: '1mb' })] })
      const mill = millrace({
        plugins: [layerPlugin('count', count.layer), plugin],
        routes: {
          '/**': {
            count: true,
            cache: {
              ttl: 0.005,
              swr: 0.01,
              staleIfError: 0.05,
              errorThrottle: 0.005,
              eager: 0.5,
              tags: ['a'],
            },
          },
        },
      })
      const server = createServer(build(mill)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
      await load(port, agent, requests / 3)
      await collectGarbage()
      const before = process.memoryUsage().heapUsed

      await load(port, agent, requests)
      await collectGarbage()
      const heap = process.memoryUsage().heapUsed

      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      await mill.stop()
      await collectGarbage()
      assert.equal(count.settled, count.made, 'every exchange settled')
      assert.ok(
        count.made - count.collected < 100,
        `${count.made - count.collected} of ${count.made} exchanges were kept`,
      )
      assert.partialDeepStrictEqual(plugin.inspect?.(), { inFlight: 0 })
      assert.ok(heap - before < 3_000_000, `the heap grew from ${before} to ${heap}`)
    })
  }
})
