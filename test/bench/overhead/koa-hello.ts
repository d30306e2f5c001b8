import { mount } from '@millrace/koa'
import type Koa from 'koa'
import { helloAnswer } from './answers.ts'
import type { Contender, Group } from './group.ts'
import { koaHelloApp } from './hello.ts'
import { withFivePassing, withFiveWaiting, withoutPlugins, withTiming } from './mills.ts'

const contender = (label: string, install: (app: Koa) => void, fields = helloAnswer.fields): Contender => ({
  label,
  server: () => koaHelloApp(install),
  answer: { ...helloAnswer, fields },
})

export const koaHello: Group = {
  title: 'Koa 3, hello-JSON',
  path: '/hello',
  base: 'noop',
  contenders: {
    noop: contender('one no-op middleware', (app) => app.use((_ctx, next) => next())),
    noops: contender('five no-op middleware', (app) => {
      for (let i = 0; i < 5; i++) app.use((_ctx, next) => next())
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
    { contender: 'passing', over: 'noop', atLeast: 0.9 },
    { contender: 'waiting', over: 'noop', atLeast: 0.9 },
  ],
}
