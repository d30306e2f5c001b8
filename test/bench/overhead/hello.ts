import { createServer, type Server } from 'node:http'
import express, { type Express } from 'express'
import Koa, { type Middleware } from 'koa'
import { hello } from './answers.ts'

/** An app that answers `/hello`, behind what is installed. @param make Express, or what somebody has made of it */
export const expressHelloApp = (install: (app: Express) => void, make: typeof express = express): Server => {
  const app = make()
  install(app)
  app.get('/hello', (_req, res) => {
    res.json(hello)
  })
  return createServer(app)
}

/** The same on Koa. */
export const koaHelloApp = (install: (app: Koa) => void): Server => {
  const app = new Koa()
  install(app)
  const answer: Middleware = (ctx) => {
    ctx.body = hello
  }
  app.use(answer)
  return createServer(app.callback())
}
