import { mount } from '@millrace/koa'
import type Koa from 'koa'
import { helloAnswer } from '../overhead/answers.ts'
import type { Contender, Group } from '../overhead/group.ts'
import { koaHelloApp } from '../overhead/hello.ts'
import { withMetrics, withTracing } from './mills.ts'

const contender = (label: string, install: (app: Koa) => void): Contender => ({
  label,
  server: () => koaHelloApp(install),
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
