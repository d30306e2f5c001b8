import { createServer, type Server } from 'node:http'
import { mount } from '@millrace/koa'
import Koa, { type Middleware } from 'koa'
import { hello, helloAnswer } from '../overhead/answers.ts'
import type { Contender, Group } from '../overhead/group.ts'
import { withMetrics, withTracing } from './mills.ts'

const app = (install: (app: Koa) => void): Server => {
  const app = new Koa()
  install(app)
  const answer: Middleware = (ctx) => {
    ctx.body = hello
  }
  app.use(answer)
  return createServer(app.callback())
}

const contender = (label: string, install: (app: Koa) => void): Contender => ({
  label,
  server: () => app(install),
  answer: helloAnswer,
})

export const koaGroup: Group = {
  title: 'Koa 3, hello-JSON',
  path: '/hello',
  base: 'bare',
  contenders: {
    bare: contender('nothing', () => undefined),
    metrics: contender('Millrace, `timing` and `metrics`', (app) => app.use(mount(withMetrics())())),
    'tracing-0': contender('Millrace, `tracing` at 0 %', (app) => app.use(mount(withTracing(0))())),
    'tracing-10': contender('Millrace, `tracing` at 10 %', (app) => app.use(mount(withTracing(0.1))())),
    'tracing-100': contender('Millrace, `tracing` at 100 %', (app) => app.use(mount(withTracing(1))())),
  },
  bars: [],
}
