import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { AnyPlugin, Millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'

/** What a handler says, and how. */
export interface Said {
  /** Default 200. */
  readonly status?: number
  readonly fields: Readonly<Record<string, string>>
  readonly chunks: readonly Uint8Array[]
  /**
   * - `whole`: all at once, as the framework likes it
   * - `writes`: one after the other on the response, the last by `end`
   * - `turns`: the same, each in a turn of its own
   * - `pipe`: as a stream
   */
  readonly how: 'whole' | 'writes' | 'turns' | 'pipe'
}

/** What comes in its own time. */
export interface Flowing {
  readonly fields: Readonly<Record<string, string>>
  readonly source: () => AsyncIterable<Uint8Array>
}

/** Or it does something of its own. */
export type Scene = Said | Flowing | ((res: ServerResponse) => void)

export type Host = (mill: Millrace<readonly AnyPlugin[]>, scene: (url: string) => Scene) => RequestListener

const write = async (res: ServerResponse, { chunks, how }: Said): Promise<void> => {
  if (how === 'pipe') {
    Readable.from(chunks).pipe(res)
    return
  }
  for (const chunk of chunks.slice(0, -1)) {
    res.write(chunk)
    if (how === 'turns') await new Promise((resolve) => setImmediate(resolve))
  }
  res.end(chunks.at(-1))
}

export const statusOf = (said: Said | Flowing): number => ('status' in said && said.status) || 200

const onNode = (res: ServerResponse, scene: Scene): void => {
  if (typeof scene === 'function') {
    scene(res)
    return
  }
  res.statusCode = statusOf(scene)
  for (const [name, value] of Object.entries(scene.fields)) res.setHeader(name, value)
  if ('source' in scene) Readable.from(scene.source()).pipe(res)
  else if (scene.how === 'whole') res.end(Buffer.concat(scene.chunks))
  else void write(res, scene)
}

interface ExpressLike {
  (req: IncomingMessage, res: ServerResponse): unknown
  disable(setting: string): unknown
  use(middleware: express.RequestHandler): unknown
  get(path: RegExp, handler: (req: { originalUrl: string }, res: express.Response) => void): unknown
}

export const onExpress = (
  app: ExpressLike,
  middleware: express.RequestHandler,
  scene: (url: string) => Scene,
): RequestListener => {
  app.disable('x-powered-by')
  app.use(middleware)
  app.get(/.*/, (req, res) => {
    const said = scene(req.originalUrl)
    if (typeof said === 'function' || 'source' in said || said.how !== 'whole') {
      onNode(res, said)
      return
    }
    res.status(statusOf(said)).set(said.fields)
    res.send(Buffer.concat(said.chunks))
  })
  return app
}

export const onKoa = (install: (app: Koa) => unknown, scene: (url: string) => Scene): RequestListener => {
  const app = new Koa()
  app.silent = true
  install(app)
  app.use((ctx) => {
    const said = scene(ctx.originalUrl)
    if (typeof said === 'function' || ('how' in said && (said.how === 'writes' || said.how === 'turns'))) {
      ctx.respond = false
      onNode(ctx.res, said)
      return
    }
    ctx.status = statusOf(said)
    ctx.body = bodyOf(said)
    ctx.set(said.fields)
  })
  return app.callback()
}

/** For frameworks that take bodies. */
export const bodyOf = (said: Said | Flowing): Buffer | Readable => {
  if ('source' in said) return Readable.from(said.source())
  return said.how === 'whole' ? Buffer.concat(said.chunks) : Readable.from(said.chunks)
}

const onListener: Host = (mill, scene) => listener(mill, (req, res) => onNode(res, scene(req.url ?? '/')))

export const hosts: Readonly<Record<string, Host>> = {
  'Express 5': (mill, scene) => onExpress(express(), mountExpress(mill)(), scene),
  'Express 4': (mill, scene) => onExpress(express4(), mountExpress(mill)(), scene),
  Koa: (mill, scene) => onKoa((app) => app.use(mountKoa(mill)()), scene),
  listener: onListener,
}

export interface Answer {
  readonly status: number
  readonly fields: IncomingMessage['headers']
  readonly body: Buffer
}

export interface Served {
  readonly port: number
  ask(url: string, fields?: Readonly<Record<string, string>>, method?: string): Promise<Answer>
  close(): Promise<void>
}

export const serve = async (app: RequestListener): Promise<Served> => {
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    ask: async (path, headers = {}, method = 'GET') => {
      const sent = request({ port, host: '127.0.0.1', path, method, headers }).end()
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      const body = Buffer.concat(await answer.toArray())
      return { status: answer.statusCode ?? 0, fields: answer.headers, body }
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
