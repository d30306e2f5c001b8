import { createServer } from 'node:http'
import { type CacheRule, cache } from '@millrace/cache'
import { type Millrace, millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { mount as koaMount } from '@millrace/koa'
import { listener } from '@millrace/node'
import compression from 'compression'
import express, { type Express } from 'express'
import Koa from 'koa'
import koaCompress from 'koa-compress'
import type { Contender } from '../overhead/group.ts'
import { hitOf, type Page, path } from './pages.ts'

export const withCache = (rule: CacheRule = { ttl: '1h' }): Millrace =>
  millrace({ plugins: [cache()], routes: { [`GET ${path}`]: { cache: rule } } })

/** The app that the cache stands in front of. */
export const expressApp = (
  page: Page,
  isEncoded: boolean,
  ...before: readonly express.RequestHandler[]
): Express => {
  const app = express()
  for (const handler of before) app.use(handler)
  if (isEncoded) app.use(compression())
  app.get(path, (_req, res) => {
    res.json(page.value)
  })
  return app
}

/** Millrace in its three places. What is encoded is so by the host's own middleware, further in. */
export const own = (
  page: Page,
  isEncoded: boolean,
): Readonly<Record<'listener' | 'express' | 'koa', Contender>> => ({
  listener: {
    label: '**Millrace** by `listener()`',
    server: () => createServer(listener(withCache(), expressApp(page, isEncoded))),
    answer: hitOf(page),
  },
  express: {
    label: '**Millrace** by `app.use`, Express 5',
    server: () => createServer(expressApp(page, isEncoded, mount(withCache())())),
    answer: hitOf(page),
  },
  koa: {
    label: '**Millrace** by `app.use`, Koa 3',
    server: () => {
      const app = new Koa()
      app.use(koaMount(withCache())())
      if (isEncoded) app.use(koaCompress())
      app.use((ctx) => {
        ctx.body = page.value
      })
      return createServer(app.callback())
    },
    answer: hitOf(page),
  },
})
