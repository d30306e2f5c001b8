import { mount } from '@millrace/express'
import type { Express, RequestHandler } from 'express'
import { helloAnswer } from './answers.ts'
import type { Contender, Group } from './group.ts'
import { expressHelloApp } from './hello.ts'
import { withFivePassing, withFiveWaiting, withoutPlugins, withTiming } from './mills.ts'

const noop: RequestHandler = (_req, _res, next) => next()

const contender = (
  label: string,
  install: (app: Express) => void,
  fields = helloAnswer.fields,
): Contender => ({
  label,
  server: () => expressHelloApp(install),
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
    passing: contender('Millrace, five layers that return `next(exchange)`', (app) =>
      app.use(mount(withFivePassing())()),
    ),
    waiting: contender('Millrace, five layers that await and return the reply', (app) =>
      app.use(mount(withFiveWaiting())()),
    ),
    timing: contender('Millrace, `timing`', (app) => app.use(mount(withTiming())()), {
      ...helloAnswer.fields,
      'server-timing': /^total;dur=/,
    }),
  },
  bars: [
    { contender: 'passing', over: 'noop', atLeast: 0.92 },
    { contender: 'waiting', over: 'noop', atLeast: 0.92 },
  ],
}
