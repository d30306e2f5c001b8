import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { batchEndpoint, type EndpointRule } from '@millrace/batch'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express, { type Express } from 'express'
import express4 from 'express4'
import Koa from 'koa'

type AnyMillrace = Millrace<readonly AnyPlugin[]>

/** What the app has been asked for. */
export class Seen {
  readonly targets: string[] = []
  /** Requests that run, and the most that ever did. */
  running = 0
  most = 0
  /** Of requests to `/hang`, those whose client has gone. */
  aborted = 0
}

/** A small app, the same on every host. */
const handle = async (seen: Seen, req: IncomingMessage, res: ServerResponse): Promise<void> => {
  const url = req.url ?? ''
  seen.targets.push(`${req.method} ${url}`)
  seen.running++
  seen.most = Math.max(seen.most, seen.running)
  const { end } = res
  const ended: typeof end = (...args: unknown[]) => {
    seen.running--
    return Reflect.apply(end, res, args)
  }
  res.end = ended
  res.once('close', () => {
    if (url === '/hang' && !res.writableFinished) seen.aborted++
  })
  if (url.startsWith('/status/')) {
    res.statusCode = Number(url.slice(8))
    res.end()
  } else if (url === '/hang') res.setHeader('X-Hangs', 'yes')
  else if (url.startsWith('/big/'))
    res.setHeader('Content-Type', 'text/plain').end('x'.repeat(Number(url.slice(5))))
  else if (url === '/flood') {
    const more = (): void => {
      while (!res.destroyed && res.write(Buffer.alloc(16_384)));
    }
    res.on('drain', more)
    more()
  } else if (url === '/text') res.setHeader('Content-Type', 'text/plain; charset=utf-8').end('çà')
  else if (url === '/bytes') res.setHeader('Content-Type', 'image/png').end(Buffer.from([0x89, 0x50, 0xff]))
  else if (url === '/liar') res.setHeader('Content-Type', 'application/json').end('{"a":1}}, {"id":"b"')
  else if (url === '/cookies')
    res.setHeader('Set-Cookie', ['a=1', 'b=2']).setHeader('Content-Type', 'application/json').end('[1,\n 2]')
  else if (url === '/broken') res.destroy()
  else {
    await new Promise((resolve) => setImmediate(resolve))
    const { method, headers } = req
    const body = await text(req)
    const ip = req.socket.remoteAddress
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ method, url, headers, body, ip }))
  }
}

const onExpress =
  (create: () => Express) =>
  (mill: AnyMillrace, seen: Seen): RequestListener => {
    const app = create()
    app.disable('x-powered-by')
    app.use(mountExpress(mill)())
    app.use((req, res) => void handle(seen, req, res))
    return app
  }

export const hosts: Readonly<Record<string, (mill: AnyMillrace, seen: Seen) => RequestListener>> = {
  'Express 5': onExpress(express),
  'Express 4': onExpress(express4),
  'Koa 3': (mill, seen) => {
    const app = new Koa()
    app.silent = true
    app.use(mountKoa(mill)())
    app.use(async (ctx) => {
      ctx.respond = false
      ctx.status = 200
      await handle(seen, ctx.req, ctx.res)
    })
    return app.callback()
  },
  listener: (mill, seen) => listener(mill, (req, res) => void handle(seen, req, res)),
}

export interface Served {
  readonly port: number
  readonly seen: Seen
}

/** Serves the app with a batch endpoint at `/batch` for as long as `use` takes. */
export const serving = async (
  host: string,
  rule: EndpointRule,
  use: (served: Served) => Promise<void>,
): Promise<void> => {
  const seen = new Seen()
  const mill = millrace({ plugins: [batchEndpoint()], routes: { '/batch': { batchEndpoint: rule } } })
  const made = hosts[host]
  if (made === undefined) throw new Error(`there is no host ${host}`)
  const server = createServer(made(mill, seen))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use({ port: (server.address() as AddressInfo).port, seen })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await mill.stop()
  }
}
