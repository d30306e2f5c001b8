import { createServer, type RequestListener, type Server } from 'node:http'
import { Readable } from 'node:stream'
import fastifyCompress from '@fastify/compress'
import { cache } from '@millrace/cache'
import { compress } from '@millrace/compress'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { mount as mountKoa } from '@millrace/koa'
import express, { type RequestHandler } from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import type { Content } from './content.ts'

export const path = '/cities'
/** Answered with a few bytes, which nobody compresses. */
export const pingPath = '/ping'
export const pong = 'pong'

// A saturated server is under pressure, and would leave it be.
export const compressing = (): Millrace<readonly AnyPlugin[]> =>
  millrace({ plugins: [compress({ pressure: false })], routes: { '/**': { compress: true } } })

export const caching = (): Millrace<readonly AnyPlugin[]> =>
  millrace({
    plugins: [compress({ pressure: false }), cache()],
    routes: { '/**': { compress: true, cache: '1h' } },
  })

const isMade = (made: object): boolean => made instanceof Uint8Array || made instanceof Readable

export const onExpress = (content: Content, ...around: readonly RequestHandler[]): RequestListener => {
  const app = express()
  for (const each of around) app.use(each)
  app.get(pingPath, (_req, res) => {
    res.end(pong)
  })
  app.get(path, (_req, res) => {
    const made = content.make()
    if (!isMade(made)) {
      res.json(made)
      return
    }
    // Not by `send`, which hashes all of it for its entity tag.
    res.setHeader('Content-Type', 'application/json')
    if (made instanceof Readable) made.pipe(res)
    else res.end(made)
  })
  return app
}

export const onKoa = (content: Content, install: (app: Koa) => void): RequestListener => {
  const app = new Koa()
  app.silent = true
  install(app)
  app.use((ctx) => {
    if (ctx.path === pingPath) {
      ctx.body = pong
      return
    }
    const made = content.make()
    if (isMade(made)) ctx.type = 'application/json'
    ctx.body = made
  })
  return app.callback()
}

export const onMillraceKoa = (content: Content): RequestListener =>
  onKoa(content, (app) => app.use(mountKoa(compressing())()))

export const onFastify = async (content: Content): Promise<Server> => {
  const app = fastify()
  await app.register(fastifyCompress)
  app.get(pingPath, async () => pong)
  app.get(path, async (_request, reply) => {
    const made = content.make()
    if (isMade(made)) reply.type('application/json')
    return reply.send(made)
  })
  await app.ready()
  return createServer(app.routing)
}
