import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { AnyPlugin, Millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express from 'express'
import Koa from 'koa'
import { forward } from './proxy.ts'

type Host = (mill: Millrace<readonly AnyPlugin[]>, port: number) => RequestListener

/** A handler for `node:http`: answers what the origin on the port answers, or 502. */
const proxy =
  (port: number) =>
  async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    try {
      const { status, reason, fields, body } = await forward(port, req, res)
      res.statusCode = status
      res.statusMessage = reason
      for (const [name, value] of fields) res.appendHeader(name, value)
      await pipeline(body, res)
    } catch {
      if (res.headersSent) res.destroy()
      else res.writeHead(502).end()
    }
  }

/** Reverse proxies to an origin, each with the cache in front in the way of its host. */
export const hosts = {
  express(mill, port) {
    const app = express()
    app.disable('x-powered-by')
    app.use(mountExpress(mill)())
    app.use(proxy(port))
    return app
  },

  /** Says it to `ctx`, and throws when the origin hangs up: what Koa's handlers do. */
  koa(mill, port) {
    const app = new Koa()
    app.silent = true
    app.use(mountKoa(mill)())
    app.use(async (ctx) => {
      const answer = await forward(port, ctx.req, ctx.res)
      ctx.status = answer.status
      ctx.message = answer.reason
      for (const [name, value] of answer.fields) ctx.append(name, value)
      ctx.body = answer.body
    })
    return app.callback()
  },

  listener: (mill, port) => listener(mill, proxy(port)),
} satisfies Readonly<Record<string, Host>>

export type HostName = keyof typeof hosts

export const isHostName = (name: unknown): name is HostName =>
  typeof name === 'string' && Object.hasOwn(hosts, name)
