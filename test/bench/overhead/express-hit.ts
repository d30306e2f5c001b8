import { createServer } from 'node:http'
import { mount } from '@millrace/express'
import express, { type Express } from 'express'
import { cities, citiesAnswer, hitAnswer, prepared, preparedFields } from './answers.ts'
import type { Group } from './group.ts'
import { withCache } from './mills.ts'

const withHandler = (app: Express): Express => {
  app.get('/cities', (_req, res) => {
    res.json(cities)
  })
  return app
}

export const expressHit: Group = {
  title: 'Express 5, a 2 KB JSON cache hit by `app.use`',
  path: '/cities',
  base: 'floor',
  contenders: {
    floor: {
      label: 'a `Map` looked up in the first middleware',
      server: () => {
        const kept = new Map([['/cities', prepared]])
        const app = express()
        app.use((req, res, next) => {
          const body = kept.get(req.originalUrl)
          if (body) res.writeHead(200, preparedFields).end(body)
          else next()
        })
        return createServer(withHandler(app))
      },
      answer: citiesAnswer,
    },
    hit: {
      label: 'Millrace, cache hit',
      server: () => {
        const app = express()
        app.use(mount(withCache())())
        return createServer(withHandler(app))
      },
      answer: hitAnswer,
    },
    handler: {
      label: 'the handler that builds the JSON',
      server: () => createServer(withHandler(express())),
      answer: citiesAnswer,
    },
  },
  bars: [
    { contender: 'hit', over: 'floor', atLeast: 0.9 },
    { contender: 'floor', over: 'handler', atLeast: 1.75 },
  ],
}
