import { cache } from '@millrace/cache'
import { definePlugin, type Exchange, type Layer, type Millrace, millrace, type Reply } from '@millrace/core'
import { timing } from '@millrace/timing'
import { z } from 'zod'

export const withoutPlugins = (): Millrace => millrace({ plugins: [] })

/** Five plugins with the same layer, on every route. */
const withFive = (layer: Layer<Exchange, Reply>): Millrace => {
  const names = ['one', 'two', 'three', 'four', 'five']
  const http = (): Layer<Exchange, Reply> => layer
  return millrace({
    plugins: names.map((name) => definePlugin({ name, stage: 'observe', rule: z.strictObject({}), http })),
    routes: { '/**': Object.fromEntries(names.map((name) => [name, true])) },
  })
}

/** Layers that leave it to the next. */
export const withFivePassing = (): Millrace => withFive((exchange, next) => next(exchange))

/** Layers that have the reply in their hands, and give it back as it is. */
export const withFiveWaiting = (): Millrace =>
  withFive(async (exchange, next) => {
    const reply = await next(exchange)
    return reply
  })

export const withTiming = (): Millrace =>
  millrace({ plugins: [timing()], routes: { '/**': { timing: true } } })

export const withCache = (): Millrace =>
  millrace({ plugins: [cache()], routes: { 'GET /cities': { cache: '1h' } } })

/** Patterns that all switch on the same plugin, which does nothing. */
export const withRoutes = (patterns: readonly string[]): Millrace =>
  millrace({
    plugins: [
      definePlugin({
        name: 'pass',
        stage: 'observe',
        rule: z.strictObject({}),
        http: () => (exchange, next) => next(exchange),
      }),
    ],
    routes: Object.fromEntries(patterns.map((pattern) => [pattern, { pass: true }])),
  })
