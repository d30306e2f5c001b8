import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  definePlugin,
  type Exchange,
  type Layer,
  type Millrace,
  millrace,
  type Plugin,
  type Reply,
  reply,
  tap,
} from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import { timing } from '@millrace/timing'
import express, { type ErrorRequestHandler } from 'express'
import Koa from 'koa'
import { z } from 'zod'
import { Count, collectGarbage } from './garbage.ts'

const requests = 20_000 * Math.max(1, Number(process.env.MILLRACE_RUNS ?? 1))
const connections = 8
/** How many requests a client sends before it waits for the answers. */
const batch = 20

type HttpLayer = Layer<Exchange, Reply>

/** Answers in the place of a handler that takes its time. */
const deadline: HttpLayer = (exchange, next) =>
  exchange.path.startsWith('/late') || exchange.path.startsWith('/never')
    ? Promise.race([next(exchange), setImmediate().then(() => reply(503, {}, 'too late'))])
    : next(exchange)

const look: HttpLayer = async (exchange, next) => {
  const answer = await next(exchange)
  void tap(answer, 1_000)
  return answer
}

const through: HttpLayer = async (exchange, next) => {
  const answer = await next(exchange)
  const { body } = answer
  if (exchange.path.startsWith('/through') && body !== null && !(body instanceof Uint8Array))
    answer.body = (async function* () {
      for await (const bytes of body) yield bytes
    })()
  return answer
}

const plugin = (name: string, layer: HttpLayer): Plugin<string, object, object> =>
  definePlugin({ name, stage: 'protect', rule: z.object({}), http: () => layer })

const mill = (count: Count): Millrace =>
  millrace({
    plugins: [
      timing(),
      plugin('count', count.layer),
      plugin('deadline', deadline),
      plugin('through', through),
      plugin('look', look),
    ],
    routes: { '/**': { timing: true, count: {}, deadline: {}, through: {}, look: {} } },
  })

type App = (req: IncomingMessage, res: ServerResponse) => void

const answer = (path: string, res: ServerResponse): void => {
  if (path.startsWith('/json')) {
    res.setHeader('Content-Type', 'application/json')
    res.end('{"hello":"world"}')
  } else if (path.startsWith('/stream') || path.startsWith('/through'))
    pipeline(Readable.from(['one', 'two', 'three']), res).catch(() => undefined)
  else if (path.startsWith('/late')) {
    void setImmediate()
      .then(() => setImmediate())
      .then(() => {
        res.write('late')
        res.end('later')
      })
  } else if (path.startsWith('/slow')) res.write('begun')
}

const onNode = (mill: Millrace): App =>
  listener(mill, (req: IncomingMessage, res: ServerResponse) => {
    const path = req.url ?? ''
    if (path.startsWith('/error')) {
      res.statusCode = 500
      res.end('sorry')
    } else answer(path, res)
  })

const onExpress = (mill: Millrace): App => {
  const app = express()
  app.use(mountExpress(mill)())
  app.get('/error/:how', async (req, _res, next) => {
    if (req.params.how === 'next') next(new Error('no'))
    else throw new Error('no')
  })
  app.use((req, res) => answer(req.path, res))
  const onError: ErrorRequestHandler = (_error, _req, res, _next) => {
    res.status(500).json({ sorry: true })
  }
  app.use(onError)
  return app
}

const onKoa = (mill: Millrace): App => {
  const app = new Koa()
  app.silent = true
  app.use(mountKoa(mill)())
  app.use(async (ctx) => {
    if (ctx.path.startsWith('/error')) ctx.throw(500)
    else if (ctx.path.startsWith('/json')) ctx.body = { hello: 'world' }
    else if (ctx.path.startsWith('/stream') || ctx.path.startsWith('/through'))
      ctx.body = Readable.from([Buffer.from('one'), Buffer.from('two')])
    else if (ctx.path.startsWith('/late')) {
      await setImmediate()
      await setImmediate()
      ctx.body = 'late'
    } else if (ctx.path.startsWith('/never')) await new Promise(() => undefined)
    else {
      ctx.respond = false
      answer(ctx.path, ctx.res)
    }
  })
  return app.callback()
}

const mix = [
  '/json/1',
  '/json/2',
  '/stream',
  '/error/next',
  '/through',
  '/late',
  '/json/3',
  '/error/throw',
  '/never',
  '/json/4',
]

/** Sends batches on one connection; each ends with a request whose answer says that all came. */
const converse = async (port: number, total: number): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  let sent = 0
  while (sent < total) {
    let text = ''
    for (let i = 0; i < batch; i++)
      text += `GET ${mix[(sent + i) % mix.length]} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    sent += batch
    socket.write(text)
    await answers(socket, batch)
  }
  socket.end()
  await once(socket, 'close')
}

/** Until so many answers have begun, and the last has ended. */
const answers = (socket: Socket, count: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let seen = 0
    let tail = ''
    const onData = (data: Buffer): void => {
      const text = tail + data.toString('latin1')
      seen += text.split('HTTP/1.1 ').length - 1
      tail = text.slice(-8).replace('HTTP/1.1 ', '')
      // Every batch ends with JSON, whose brace nothing else ends with.
      if (seen >= count && /\}$/.test(text)) {
        socket.off('data', onData)
        socket.off('close', onClose)
        resolve()
      }
    }
    const onClose = (): void => reject(new Error(`closed after ${seen} of ${count} answers`))
    socket.on('data', onData)
    socket.once('close', onClose)
  })

/** Goes when the answer has begun, or before. */
const leave = async (port: number, path: string): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  if (path === '/slow') await once(socket, 'data')
  else await setImmediate()
  socket.destroy()
  await once(socket, 'close')
}

const load = async (port: number, total: number): Promise<void> => {
  const aborted = Math.floor(total / 20)
  const talking = Array.from({ length: connections }, () => converse(port, (total - aborted) / connections))
  const leaving = (async () => {
    for (let i = 0; i < aborted; i++)
      await leave(port, ['/slow', '/never', '/stream', '/json/1'][i % 4] ?? '/slow')
  })()
  await Promise.all([...talking, leaving])
}

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** The kinds of things that keep a process alive. */
const resources = (): string[] => process.getActiveResourcesInfo().sort()

describe(`${requests} requests leave nothing behind`, () => {
  for (const [name, build] of [
    ['node:http', onNode],
    ['Express 5', onExpress],
    ['Koa 3', onKoa],
  ] as const) {
    it(name, async () => {
      const count = new Count()
      const server = createServer(build(mill(count)))
      const port = await listening(server)
      await load(port, Math.max(4_000, requests / 20))
      await collectGarbage()
      const before = { heap: process.memoryUsage().heapUsed, resources: resources() }

      await load(port, requests / 3)
      await collectGarbage()
      const heap = process.memoryUsage().heapUsed

      assert.equal(count.settled, count.made, 'every exchange settled')
      assert.ok(
        count.made - count.collected < 100,
        `${count.made - count.collected} of ${count.made} exchanges were kept`,
      )
      assert.deepEqual(resources(), before.resources)
      assert.ok(heap - before.heap < 2_000_000, `the heap grew from ${before.heap} to ${heap}`)
      server.close()
      await once(server, 'close')
    })
  }
})
