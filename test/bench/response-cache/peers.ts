import { createServer } from 'node:http'
import caching from '@fastify/caching'
import apicache from 'apicache'
import compression from 'compression'
import express from 'express'
import { fastify } from 'fastify'
import { H3, toNodeHandler } from 'h3'
import Koa from 'koa'
import koaCash from 'koa-cash'
import { defineCachedHandler } from 'ocache'
import type { Contender } from '../overhead/group.ts'
import { type Page, path } from './pages.ts'

const hour = 3_600_000

/** Each as its own pages show it, in this process's memory. */
export const apicacheOf = ({ value, answer }: Page, isEncoded: boolean): Contender => ({
  label: isEncoded ? 'Express 5 + `compression` + apicache' : 'Express 5 + apicache',
  server: () => {
    const app = express()
    if (isEncoded) app.use(compression())
    app.get(path, apicache.middleware('1 hour'), (_req, res) => {
      res.json(value)
    })
    return createServer(app)
  },
  answer,
})

export const koaCashOf = ({ value, answer }: Page, isEncoded: boolean): Contender => ({
  label: isEncoded ? 'Koa 3 + koa-cash, which keeps a gzip body too' : 'Koa 3 + koa-cash',
  server: () => {
    const kept = new Map<string, unknown>()
    const app = new Koa()
    app.use(
      koaCash({
        maxAge: hour,
        compression: isEncoded,
        get: async (key) => kept.get(key),
        set: async (key, page) => void kept.set(key, page),
      }),
    )
    app.use(async (ctx) => {
      if (await ctx.cashed()) return
      ctx.body = value
    })
    return createServer(app.callback())
  },
  answer,
})

/** The library that Nitro 3 caches handlers with, on the framework that it runs them in. */
export const ocacheOf = ({ value, answer }: Page): Contender => ({
  label: "h3 2 + ocache: Nitro 3's cached handlers",
  server: () => {
    const app = new H3()
    app.get(
      path,
      defineCachedHandler(() => Response.json(value), { maxAge: hour / 1000 }),
    )
    return createServer(toNodeHandler(app))
  },
  answer,
})

interface Sent {
  readonly type: string
  readonly payload: string
}

/** It keeps values and leaves replies to hooks of one's own. */
export const fastifyCachingOf = ({ value, answer }: Page): Contender => ({
  label: 'Fastify 5 + @fastify/caching, by a hook',
  server: async () => {
    const app = fastify()
    await app.register(caching)
    app.addHook('onRequest', (request, reply, done) => {
      app.cache.get<Sent>(request.url, (error, found) => {
        if (error || !found) done()
        else reply.header('content-type', found.item.type).send(found.item.payload)
      })
    })
    app.addHook('onSend', (request, reply, payload, done) => {
      const type = String(reply.getHeader('content-type'))
      app.cache.set(request.url, { type, payload }, hour, () => done(null, payload))
    })
    app.get(path, async () => value)
    await app.ready()
    return app.server
  },
  answer,
})
