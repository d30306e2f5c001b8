import { createServer, type Server } from 'node:http'
import { mount } from '@millrace/express'
import express, { type Express, type RequestHandler } from 'express'
import { hello, helloAnswer } from './answers.ts'
import type { Contender, Group } from './group.ts'
import { withFiveLayers, withoutPlugins, withTiming } from './mills.ts'

const noop: RequestHandler = (_req, _res, next) => next()

const app = (install: (app: Express) => void): Server => {
  const app = express()
  install(app)
  app.get('/hello', (_req, res) => {
    res.json(hello)
  })
  return createServer(app)
}

const contender = (
  label: string,
  install: (app: Express) => void,
  fields = helloAnswer.fields,
): Contender => ({
  label,
  server: () => app(install),
  answer: { ...helloAnswer, fields },
})

export const expressHello: Group = {
  title: 'Express 5, hello-JSON',
  path: '/hello',
  base: 'noop',
  contenders: {
    noop: contender('one no-op middleware', (app) => app.use(noop)),
    noops: contender('five no-op middleware', (app) => {
      for (let i = 0; i < 5; i++) app.use((_req, _res, next) => next())
    }),
    idle: contender('Millrace, no plugins', (app) => app.use(mount(withoutPlugins())())),
    layers: contender('Millrace, five pass-through layers', (app) => app.use(mount(withFiveLayers())())),
    timing: contender('Millrace, `timing`', (app) => app.use(mount(withTiming())()), {
      ...helloAnswer.fields,
      'server-timing': /^total;dur=/,
    }),
  },
  bars: [{ contender: 'layers', over: 'noop', atLeast: 0.92 }],
}
