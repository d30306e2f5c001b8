import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import { VirtualClock } from '@millrace/testing'
import Koa from 'koa'
import { hosts, serve } from './hosts.ts'
import { send } from './raw.ts'

type Http2App = (req: Http2ServerRequest, res: Http2ServerResponse) => unknown

const stale = () => {
  const clock = new VirtualClock()
  const mill = millrace({
    plugins: [cache()],
    routes: { '/**': { cache: { ttl: '10s', swr: '1h' } } },
    clock,
  })
  return { clock, mill }
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise(setImmediate)
}

const page = { target: '/a', fields: [['Host', 'a.test']] } as const

for (const [name, host] of Object.entries(hosts)) {
  describe(`a refresh on ${name}`, () => {
    it('is not begun when the cache has stopped, and what is there is served', async () => {
      const { clock, mill } = stale()
      let runs = 0
      const { port, close } = await serve(host(mill, () => ({ text: `run ${++runs}` })))
      await send(port, page)
      await clock.advance(11_000)
      await mill.stop()
      for (let i = 0; i < 3; i++) assert.equal((await send(port, page)).body, 'run 1')
      assert.equal(runs, 1)
      await close()
    })

    it('ends when the cache stops, however its handler hangs', async () => {
      const { clock, mill } = stale()
      let runs = 0
      const { port, close } = await serve(
        host(mill, () => (++runs === 1 ? { text: 'run 1' } : new Promise(() => {}))),
      )
      await send(port, page)
      await clock.advance(11_000)
      assert.equal((await send(port, page)).body, 'run 1')
      await until(() => runs === 2)
      await mill.stop()
      assert.equal((await send(port, page)).body, 'run 1')
      await close()
    })
  })
}

describe('a refresh over HTTP/2', () => {
  const apps: Readonly<
    Record<string, (mill: ReturnType<typeof stale>['mill'], seen: unknown[]) => Http2App>
  > = {
    Koa: (mill, seen) => {
      const app = new Koa()
      app.use(mountKoa(mill)())
      app.use((ctx) => {
        seen.push(ctx.host)
        ctx.body = ctx.host
      })
      const answer = app.callback()
      return (req, res) => Reflect.apply(answer, undefined, [req, res])
    },
    listener: (mill, seen) =>
      listener(mill, ({ headers }: Http2ServerRequest, res: Http2ServerResponse) => {
        const host = headers[':authority'] ?? headers.host ?? ''
        seen.push(host)
        res.end(host)
      }),
  }
  for (const [name, build] of Object.entries(apps)) {
    it(`is for the same host, on ${name}`, async () => {
      const { clock, mill } = stale()
      const seen: unknown[] = []
      const server = createServer(build(mill, seen)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
      const ask = async (): Promise<void> => {
        const stream = client.request({ ':path': '/a', ':authority': 'a.test' })
        stream.resume()
        await once(stream, 'end')
      }
      await ask()
      await clock.advance(11_000)
      await ask()
      await until(() => seen.length === 2)
      assert.deepEqual(seen, ['a.test', 'a.test'])
      client.close()
      await mill.stop()
      await new Promise((resolve) => server.close(resolve))
    })
  }
})
