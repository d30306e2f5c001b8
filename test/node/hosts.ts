import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AnyPlugin, Millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express from 'express'
import Koa from 'koa'

/** One small app on every host: GET /json, GET /text/:size, GET /big. */
export const hosts: Readonly<
  Record<string, (mill: Millrace<readonly AnyPlugin[]>, calls: string[]) => RequestListener>
> = {
  Express(mill, calls) {
    const app = express()
    app.use(mountExpress(mill)())
    app.get('/json', (req, res) => {
      calls.push(req.url)
      res.json({ hello: 'world' })
    })
    app.get('/text/:size', (req, res) => {
      calls.push(req.url)
      res.type('text').send('x'.repeat(Number(req.params.size)))
    })
    return app
  },
  Koa(mill, calls) {
    const app = new Koa()
    app.use(mountKoa(mill)())
    app.use((ctx) => {
      if (ctx.path === '/json') ctx.body = { hello: 'world' }
      else if (ctx.path.startsWith('/text/')) ctx.body = 'x'.repeat(Number(ctx.path.slice(6)))
      else return
      calls.push(ctx.url)
    })
    return app.callback()
  },
  listener(mill, calls) {
    return listener(mill, (req, res) => {
      const url = req.url ?? ''
      calls.push(url)
      if (url.startsWith('/json'))
        res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"hello":"world"}')
      else if (url.startsWith('/text/'))
        res
          .writeHead(200, {
            'Content-Type': 'text/plain',
            'Content-Length': Number.parseInt(url.slice(6), 10),
          })
          .end('x'.repeat(Number.parseInt(url.slice(6), 10)))
      else res.writeHead(404).end()
    })
  },
}

/** Serves for the time of `use`. */
export const serving = async (
  handle: RequestListener,
  use: (origin: string) => Promise<void>,
): Promise<void> => {
  const server: Server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    await use(`http://127.0.0.1:${port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
