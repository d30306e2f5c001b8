import { createServer, Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { listener } from '@millrace/node'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { cities, citiesAnswer, hitAnswer, hitFields, prepared, preparedFields } from './answers.ts'
import type { Group } from './group.ts'
import { withCache } from './mills.ts'

const expressApp = (): express.Express => {
  const app = express()
  app.get('/cities', (_req, res) => {
    res.json(cities)
  })
  return app
}

export const listenerHit: Group = {
  title: 'A 2 KB JSON cache hit by `listener`, in front of the framework',
  path: '/cities',
  base: 'raw',
  contenders: {
    raw: {
      label: '`node:http`, prepared Buffer',
      server: () => createServer((_req, res) => void res.writeHead(200, preparedFields).end(prepared)),
      answer: citiesAnswer,
    },
    fields: {
      label: 'the same with all the fields of a hit',
      server: () => createServer((_req, res) => void res.writeHead(200, hitFields).end(prepared)),
      answer: hitAnswer,
    },
    map: {
      label: 'a `Map` looked up in the listener, before Express',
      server: () => {
        const kept = new Map([['/cities', prepared]])
        const app = expressApp()
        return createServer((req, res) => {
          const body = kept.get(req.url ?? '/')
          if (body) res.writeHead(200, preparedFields).end(body)
          else app(req, res)
        })
      },
      answer: citiesAnswer,
    },
    hit: {
      label: 'Millrace, cache hit before Express',
      server: () => createServer(listener(withCache(), expressApp())),
      answer: hitAnswer,
    },
    stringify: {
      label: '`node:http`, `JSON.stringify`',
      server: () =>
        createServer((_req, res) => {
          const body = JSON.stringify(cities)
          res
            .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
            .end(body)
        }),
      answer: citiesAnswer,
    },
    fastify: {
      label: 'Fastify 5',
      server: async () => {
        const app = fastify()
        app.get('/cities', async () => cities)
        await app.ready()
        return app.server
      },
      answer: citiesAnswer,
    },
    hono: {
      label: 'Hono on Node',
      server: () => {
        const app = new Hono()
        app.get('/cities', (context) => context.json(cities))
        const server = createAdaptorServer({ fetch: app.fetch })
        if (!(server instanceof Server)) throw new TypeError('expected a server of node:http')
        return server
      },
      answer: citiesAnswer,
    },
    express: {
      label: 'Express 5',
      server: () => createServer(expressApp()),
      answer: citiesAnswer,
    },
  },
  bars: [{ contender: 'hit', over: 'raw', atLeast: 0.92 }],
}
