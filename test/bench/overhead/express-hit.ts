import { createServer, type OutgoingHttpHeaders, type Server } from 'node:http'
import { mount } from '@millrace/express'
import express, { type Express } from 'express'
import { cities, citiesAnswer, hitAnswer, hitFields, prepared, preparedFields } from './answers.ts'
import type { Group } from './group.ts'
import { withCache } from './mills.ts'

const withHandler = (app: Express): Express => {
  app.get('/cities', (_req, res) => {
    res.json(cities)
  })
  return app
}

const withMap = (fields: OutgoingHttpHeaders): Server => {
  const kept = new Map([['/cities', prepared]])
  const app = express()
  app.use((req, res, next) => {
    const body = kept.get(req.originalUrl)
    if (body) res.writeHead(200, fields).end(body)
    else next()
  })
  return createServer(withHandler(app))
}

export const expressHit: Group = {
  title: 'Express 5, a 2 KB JSON cache hit by `app.use`',
  path: '/cities',
  base: 'floor',
  contenders: {
    floor: {
      label: 'a `Map` looked up in the first middleware',
      server: () => withMap(preparedFields),
      answer: citiesAnswer,
    },
    fields: {
      label: 'the same with all the fields of a hit',
      server: () => withMap(hitFields),
      answer: hitAnswer,
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
