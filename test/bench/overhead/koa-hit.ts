import { createServer, type Server } from 'node:http'
import { mount } from '@millrace/koa'
import Koa from 'koa'
import { cities, citiesAnswer, hitAnswer, prepared } from './answers.ts'
import type { Group } from './group.ts'
import { withCache } from './mills.ts'

const withHandler = (app: Koa): Server => {
  app.use((ctx) => {
    ctx.body = cities
  })
  return createServer(app.callback())
}

export const koaHit: Group = {
  title: 'Koa 3, a 2 KB JSON cache hit by `app.use`',
  path: '/cities',
  base: 'floor',
  contenders: {
    floor: {
      label: 'a `Map` looked up in the first middleware',
      server: () => {
        const kept = new Map([['/cities', prepared]])
        const app = new Koa()
        app.use((ctx, next) => {
          const body = kept.get(ctx.originalUrl)
          if (!body) return next()
          ctx.type = 'json'
          ctx.body = body
          return undefined
        })
        return withHandler(app)
      },
      answer: citiesAnswer,
    },
    hit: {
      label: 'Millrace, cache hit',
      server: () => {
        const app = new Koa()
        app.use(mount(withCache())())
        return withHandler(app)
      },
      answer: hitAnswer,
    },
    handler: {
      label: 'the handler that builds the JSON',
      server: () => withHandler(new Koa()),
      answer: citiesAnswer,
    },
  },
  bars: [],
}
