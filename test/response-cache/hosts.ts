import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { AnyPlugin, Millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express, { type RequestHandler } from 'express'
import Koa, { type Middleware } from 'koa'

/** What a handler finds in a request, in the words of its framework, which believes its proxy. */
export interface Sight {
  readonly method: string
  readonly url: string
  /** Decoded. */
  readonly path: string
  readonly scheme: string
  readonly host: string
  readonly query: Readonly<Record<string, unknown>>
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly content: string
}

/** What it says. */
export interface Said {
  /** Default 200. */
  readonly status?: number
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  readonly text: string
  /** Its body comes in parts. */
  readonly isStream?: boolean
  /** Its body fails after the first half. */
  readonly isBroken?: boolean
  /** It is thrown instead. */
  readonly isThrown?: boolean
  /** A `Link` that goes out before. */
  readonly hint?: string
}

export type Handler = (sight: Sight) => Said | Promise<Said>

export interface Around {
  readonly express?: RequestHandler
  readonly koa?: Middleware
}

type Mill = Millrace<readonly AnyPlugin[]>

/** @param mill undefined for the app by itself */
export type Host = (mill: Mill | undefined, handler: Handler, around?: Around) => RequestListener

const textOf = async (req: IncomingMessage): Promise<string> => {
  let text = ''
  req.setEncoding('latin1')
  for await (const chunk of req) text += String(chunk)
  return text
}

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** In halves. */
const streamOf = ({ text, isBroken = false }: Said): Readable => Readable.from(halves(text, isBroken))

async function* halves(text: string, isBroken: boolean): AsyncGenerator<Buffer> {
  const half = Math.ceil(text.length / 2)
  yield Buffer.from(text.slice(0, half))
  if (isBroken) throw new Error('no more')
  yield Buffer.from(text.slice(half))
}

const pipe = (said: Said, res: ServerResponse): void => {
  streamOf(said)
    .on('error', (error) => res.destroy(error))
    .pipe(res)
}

class Thrown extends Error {
  readonly status: number
  readonly expose = true

  constructor({ status = 500, text }: Said) {
    super(text)
    this.status = status
  }
}

const onExpress: Host = (mill, handler, { express: around } = {}) => {
  const app = express()
  app.set('env', 'test')
  app.set('trust proxy', true)
  app.set('query parser', 'extended')
  app.disable('x-powered-by')
  if (around) app.use(around)
  if (mill) app.use(mountExpress(mill, app)())
  app.use(async (req, res) => {
    const { method, originalUrl: url, protocol: scheme, query, headers, rawHeaders } = req
    const sight = { method, url, path: decoded(req.path), scheme, host: req.host, query, headers, rawHeaders }
    const said = await handler({ ...sight, content: await textOf(req) })
    if (said.hint) res.writeEarlyHints({ link: said.hint })
    if (said.isThrown) throw new Thrown(said)
    res.status(said.status ?? 200)
    for (const [name, value] of Object.entries(said.fields ?? {})) res.setHeader(name, value)
    if (said.isStream || said.isBroken) pipe(said, res)
    else res.type('text').send(said.text)
  })
  app.use(((error, _req, res, _next) => {
    const { status, message } = error instanceof Thrown ? error : new Thrown({ text: String(error) })
    res.status(status).type('text').send(message)
  }) satisfies express.ErrorRequestHandler)
  return app
}

const onKoa: Host = (mill, handler, { koa: around } = {}) => {
  const app = new Koa()
  app.silent = true
  app.proxy = true
  if (around) app.use(around)
  if (mill) app.use(mountKoa(mill, app)())
  app.use(async (ctx) => {
    const { method, originalUrl: url, protocol: scheme, host, query, req } = ctx
    const { headers, rawHeaders } = req
    const sight = { method, url, path: decoded(ctx.path), scheme, host, query, headers, rawHeaders }
    const said = await handler({ ...sight, content: await textOf(req) })
    if (said.hint) ctx.res.writeEarlyHints({ link: said.hint })
    if (said.isThrown) throw new Thrown(said)
    ctx.status = said.status ?? 200
    for (const [name, value] of Object.entries(said.fields ?? {})) ctx.set(name, [value].flat())
    ctx.body = said.isStream || said.isBroken ? streamOf(said) : said.text
    ctx.type = 'text'
  })
  return app.callback()
}

const onListener: Host = (mill, handler) => {
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers, rawHeaders } = req
    const { pathname, searchParams } = new URL(url, 'http://none')
    const query: Record<string, unknown> = {}
    for (const name of searchParams.keys()) query[name] = searchParams.getAll(name)
    const sight = { method, url, path: decoded(pathname), scheme: 'http', host: headers.host ?? '', query }
    const said = await handler({ ...sight, headers, rawHeaders, content: await textOf(req) })
    if (said.hint) res.writeEarlyHints({ link: said.hint })
    res.statusCode = said.status ?? (said.isThrown ? 500 : 200)
    res.setHeader('Content-Type', 'text/plain')
    for (const [name, value] of Object.entries(said.fields ?? {})) res.setHeader(name, value)
    if (said.isStream || said.isBroken) pipe(said, res)
    else res.end(said.text)
  }
  /** What throws in a bare handler ends the process, so this one answers. */
  const app: RequestListener = (req, res) => {
    answer(req, res).catch((error: unknown) => {
      res.statusCode = 500
      res.end(String(error))
    })
  }
  return mill === undefined ? app : listener(mill, app)
}

export const hosts: Readonly<Record<'Express' | 'Koa' | 'listener', Host>> = {
  Express: onExpress,
  Koa: onKoa,
  listener: onListener,
}

export interface Served {
  readonly port: number
  close(): Promise<void>
}

export const serve = async (app: RequestListener): Promise<Served> => {
  const server = createServer(app).listen(0, '127.0.0.1', 4096)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
