import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { compress } from '@millrace/compress'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { layerPlugin } from '@millrace/testing'
import express from 'express'
import Koa from 'koa'
import { Count, collectGarbage } from './garbage.ts'
import { ZlibHandles } from './zlib-handles.ts'

/** For each host and coding; 20,000 of each with `MILLRACE_RUNS=100`. */
const aborts = 200 * Math.max(1, Number(process.env.MILLRACE_RUNS ?? 1))
const atOnce = 16

type Mill = Millrace<readonly AnyPlugin[]>

/** Does not get much smaller, so that it goes out at once. */
const noise = Buffer.from(
  Array.from({ length: 400 }, (_, i) => createHash('sha256').update(String(i)).digest('hex')).join('\n'),
)
const whole = Buffer.concat([noise, noise, noise, noise])

/** Ends with its client alone. */
async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield noise
    await setImmediate()
  }
}

/** When the clients of a path leave: before an answer, with the first bytes, while they read nothing, between two events. */
const paths = ['/whole', '/waiting', '/endless', '/events'] as const

const onResponse = (path: string, res: ServerResponse): void => {
  res.statusCode = 200
  res.setHeader('content-type', path === '/events' ? 'text/event-stream' : 'text/plain')
  if (path === '/whole') res.end(whole)
  else if (path === '/endless') Readable.from(endless()).pipe(res)
  else res.write(path === '/events' ? 'data: 1\n\n' : noise)
}

const onExpress = (mill: Mill): RequestListener => {
  const app = express()
  app.use(mountExpress(mill)())
  app.use((req, res) => onResponse(req.path, res))
  return app
}

const onKoa = (mill: Mill): RequestListener => {
  const app = new Koa()
  app.silent = true
  app.use(mountKoa(mill)())
  app.use((ctx) => {
    if (ctx.path === '/whole' || ctx.path === '/endless') {
      ctx.type = 'text/plain'
      ctx.body = ctx.path === '/whole' ? whole : Readable.from(endless())
    } else {
      ctx.respond = false
      onResponse(ctx.path, ctx.res)
    }
  })
  return app.callback()
}

/** Asks, and goes. */
const leave = async (port: number, path: string, coding: string): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: ${coding}\r\n\r\n`)
  if (path === '/whole') await setImmediate()
  else {
    await once(socket, 'data')
    if (path === '/endless') {
      socket.pause()
      for (let turn = 0; turn < 20; turn++) await setImmediate()
    }
  }
  socket.destroy()
  await once(socket, 'close')
}

const load = async (port: number, total: number, coding: string): Promise<void> => {
  let left = total
  const go = async (): Promise<void> => {
    while (left-- > 0) await leave(port, paths[left % paths.length] ?? '/whole', coding)
  }
  await Promise.all(Array.from({ length: atOnce }, go))
}

const until = async (isSo: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 100_000 && !isSo(); turn++) await setImmediate()
}

/** The kinds of things that keep a process alive. */
const resources = (): string[] => process.getActiveResourcesInfo().sort()

describe(`${aborts} clients that leave an encoded answer leave nothing behind`, () => {
  for (const [name, build] of [
    ['Express 5', onExpress],
    ['Koa 3', onKoa],
  ] as const) {
    for (const coding of ['zstd', 'br', 'gzip', 'deflate']) {
      it(`${name}, ${coding}`, async (t) => {
        const count = new Count()
        const handles = new ZlibHandles().watch()
        t.after(() => handles.stop())
        const mill = millrace({
          plugins: [layerPlugin('count', count.layer), compress({ pressure: false })],
          routes: { '/**': { count: true, compress: true } },
        })
        const server = createServer(build(mill)).listen(0, '127.0.0.1')
        await once(server, 'listening')
        const { port } = server.address() as AddressInfo
        const settle = async (): Promise<void> => {
          await until(() => count.settled === count.made && handles.live === kept)
          await collectGarbage()
        }
        // An encoder of zlib's is kept and used again, from the start.
        const kept = handles.live
        await load(port, Math.max(100, aborts / 10), coding)
        await settle()
        const before = { ...process.memoryUsage(), resources: resources() }

        await load(port, aborts, coding)
        await settle()
        const after = process.memoryUsage()

        t.diagnostic(
          `${handles.made} encoders, ${count.made} exchanges; in MB ${(
            ['heapUsed', 'external', 'arrayBuffers', 'rss'] as const
          )
            .map((each) => `${each} ${(before[each] / 1e6).toFixed(1)} to ${(after[each] / 1e6).toFixed(1)}`)
            .join(', ')}`,
        )
        assert.ok(handles.made > aborts / 2)
        assert.equal(handles.live, kept, 'native encoders were left')
        assert.equal(count.settled, count.made, 'every exchange settled')
        assert.ok(
          count.made - count.collected < 100,
          `${count.made - count.collected} of ${count.made} exchanges were kept`,
        )
        assert.deepEqual(resources(), before.resources)
        assert.ok(
          after.heapUsed - before.heapUsed < 2_000_000,
          `the heap grew from ${before.heapUsed} to ${after.heapUsed}`,
        )
        assert.ok(
          after.external - before.external < 4_000_000,
          `beside the heap it grew from ${before.external} to ${after.external}`,
        )
        server.close()
        await once(server, 'close')
        await mill.stop()
      })
    }
  }
})
