import { cache } from '@millrace/cache'
import { definePlugin, type Millrace, millrace, type Plugin } from '@millrace/core'
import { timing } from '@millrace/timing'
import { z } from 'zod'

export const passThrough = <const Name extends string>(name: Name): Plugin<Name, object, object> =>
  definePlugin({
    name,
    stage: 'observe',
    rule: z.strictObject({}),
    http: () =>
      async function passThrough(exchange, next) {
        const reply = await next(exchange)
        return reply
      },
  })

export const withoutPlugins = (): Millrace => millrace({ plugins: [] })

export const withFiveLayers = (): Millrace =>
  millrace({
    plugins: [
      passThrough('one'),
      passThrough('two'),
      passThrough('three'),
      passThrough('four'),
      passThrough('five'),
    ],
    routes: { '/**': { one: true, two: true, three: true, four: true, five: true } },
  })

export const withTiming = (): Millrace =>
  millrace({ plugins: [timing()], routes: { '/**': { timing: true } } })

export const withCache = (): Millrace =>
  millrace({ plugins: [cache()], routes: { 'GET /cities': { cache: '1h' } } })
