import { mount } from '@millrace/express'
import compression from 'compression'
import type { Express } from 'express'
import prometheus from 'express-prom-bundle'
import { Histogram, Registry } from 'prom-client'
import responseTime from 'response-time'
import swagger from 'swagger-stats'
import { helloAnswer } from '../overhead/answers.ts'
import type { Contender, Group } from '../overhead/group.ts'
import { expressHelloApp } from '../overhead/hello.ts'
import { instrumented } from './instrumented.ts'
import { withAll, withMetrics, withTimesShown, withTracing } from './mills.ts'

const contender = (label: string, install: (app: Express) => void, field?: string): Contender => ({
  label,
  server: () => expressHelloApp(install),
  answer: {
    ...helloAnswer,
    fields: { ...helloAnswer.fields, ...(field !== undefined && { [field]: /\d/ }) },
  },
})

/** By OpenTelemetry's own instrumentation of HTTP and Express. */
const traced = (share: number): Contender => ({
  label: `OpenTelemetry's instrumentation of HTTP and Express, ${share * 100} %`,
  server: () => expressHelloApp(() => undefined, instrumented(share)),
  answer: helloAnswer,
})

/** The usual packages for the same as `all`. */
const usual: Contender = {
  label: 'compression, response-time, express-prom-bundle, and OpenTelemetry at 10 %',
  server: () =>
    expressHelloApp((app) => {
      app.use(compression(), responseTime())
      app.use(prometheus({ includeMethod: true, includePath: true, promClient: {} }))
    }, instrumented(0.1)),
  answer: { ...helloAnswer, fields: { ...helloAnswer.fields, 'x-response-time': /\d/ } },
}

/** What one writes by hand. */
const byHand = (app: Express): void => {
  const registers = [new Registry()]
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time until the reply was finished.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  app.use((req, res, next) => {
    const stop = durations.startTimer()
    res.on('finish', () => {
      stop({ method: req.method, route: req.route?.path ?? 'unmatched', status: res.statusCode })
    })
    next()
  })
}

export const expressGroup: Group = {
  title: 'Express 5, hello-JSON',
  path: '/hello',
  base: 'bare',
  contenders: {
    bare: contender('nothing', () => undefined),
    metrics: contender('Millrace, `timing` and `metrics`', (app) => app.use(mount(withMetrics())())),
    shown: contender(
      'the same, with `Server-Timing` and `X-Response-Time`',
      (app) => app.use(mount(withTimesShown())()),
      'x-response-time',
    ),
    hand: contender('a histogram of prom-client by hand', byHand),
    'response-time': contender('response-time', (app) => app.use(responseTime()), 'x-response-time'),
    bundle: contender('express-prom-bundle', (app) =>
      app.use(prometheus({ includeMethod: true, includePath: true, promClient: {} })),
    ),
    'tracing-0': contender('Millrace, `tracing` at 0 %', (app) => app.use(mount(withTracing(0))())),
    'tracing-10': contender('Millrace, `tracing` at 10 %', (app) => app.use(mount(withTracing(0.1))())),
    'tracing-100': contender('Millrace, `tracing` at 100 %', (app) => app.use(mount(withTracing(1))())),
    'otel-0': traced(0),
    'otel-10': traced(0.1),
    'otel-100': traced(1),
    all: contender(
      'Millrace, `tracing` at 10 %, `timing`, `metrics` and `compress`',
      (app) => app.use(mount(withAll())()),
      'x-response-time',
    ),
    usual,
    swagger: contender('swagger-stats', (app) => app.use(swagger.getMiddleware({}))),
  },
  bars: [
    { contender: 'metrics', over: 'bare', atLeast: 0.9 },
    { contender: 'tracing-0', over: 'bare', atLeast: 0.88 },
    { contender: 'tracing-10', over: 'bare', atLeast: 0.82 },
    { contender: 'tracing-100', over: 'bare', atLeast: 0.55 },
    { contender: 'all', over: 'bare', atLeast: 0.65 },
  ],
}
