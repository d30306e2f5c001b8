import {
  type Call,
  compose,
  definePlugin,
  derive,
  type Exchange,
  HeaderMap,
  type Layer,
  millrace,
  type Plugin,
  type Reply,
  reply,
  type Schema,
} from '@millrace/core'
import { z } from 'zod'

// A layer returns what it is asked for.
export const through: Layer<Exchange, Reply> = (exchange, next) => next(exchange)
export const answering: Layer<Exchange, Reply> = async () => reply(204)
export const marking: Layer<Exchange, Reply> = async (exchange, next) => {
  const answer = await next(exchange)
  answer.headers.set('x', 'y')
  return answer
}
// @ts-expect-error
export const forgetful: Layer<Exchange, Reply> = async (exchange, next) => {
  await next(exchange)
}
// @ts-expect-error
export const silent: Layer<Exchange, Reply> = async () => {}
// @ts-expect-error
export const halfway: Layer<Exchange, Reply> = async (exchange, next) => {
  if (exchange.method === 'GET') return next(exchange)
}
// @ts-expect-error
export const other: Layer<Exchange, Reply> = async () => ({ status: 200 })
export const nothing: Layer<Exchange, Reply> = (_, next) =>
  // @ts-expect-error
  next()

// An exchange is read-only, a reply is not.
export const changing: Layer<Exchange, Reply> = async (exchange, next) => {
  // @ts-expect-error
  exchange.method = 'POST'
  const answer = await next(derive(exchange, { signal: AbortSignal.abort() }))
  answer.status = 201
  answer.headers = new HeaderMap()
  answer.body = null
  // @ts-expect-error
  answer.body = 'text'
  return answer
}

// Layers of one kind compose, of two kinds do not.
const double: Layer<number, string> = (n, next) => next(n * 2)
export const run: (n: number) => Promise<string> = compose([double, double], async (n) => n.toFixed())
// @ts-expect-error
compose([double, through], async (n: number) => n.toFixed())

// A plugin's types are read off its schema, whichever way its layers are written.
const rule = z.strictObject({ text: z.string().default('hello'), times: z.number().optional() })
export const greet = definePlugin({
  name: 'greet',
  stage: 'shape',
  rule,
  http:
    ({ text, times = 1 }, site) =>
    async (exchange, next) => {
      const answer = await next(exchange)
      answer.headers.set('greeting', `${text.repeat(times)} ${site.name}`)
      return answer
    },
  call({ text }) {
    return async function greet(call, next) {
      const result = await next(call)
      return text === call.name ? result : next(call)
    }
  },
})
export const arrows = definePlugin({
  name: 'arrows',
  stage: 'observe',
  rule,
  call: () => (call, next) => next(call),
})
millrace({
  plugins: [greet, arrows],
  routes: { '/a': { greet: { times: 2 } } },
  calls: { f: { arrows: {} } },
})
greet satisfies Plugin<'greet'>
millrace({
  plugins: [greet],
  // @ts-expect-error
  routes: { '/a': { greet: { times: 'twice' } } },
})
definePlugin({
  name: 'forgetful',
  stage: 'shape',
  rule,
  // @ts-expect-error
  http: () => async (exchange, next) => {
    await next(exchange)
  },
})
definePlugin({
  name: 'misplaced',
  // @ts-expect-error
  stage: 'middle',
  rule,
})
definePlugin({
  name: 'wrong',
  stage: 'shape',
  rule,
  // @ts-expect-error
  http: ({ nothing }) => nothing,
})
// What a call returns is the function's own, which a layer cannot make up.
definePlugin({
  name: 'inventing',
  stage: 'store',
  rule,
  // @ts-expect-error
  call: () => async () => 5,
})

// Any Standard Schema will do.
const byHand: Schema<{ readonly kind: 'apple' }> & {
  readonly '~standard': {
    readonly types?: { readonly input: { kind: string }; readonly output: { kind: 'apple' } }
  }
} = { '~standard': { version: 1, vendor: 'by hand', validate: () => ({ value: { kind: 'apple' } }) } }
const fruit = definePlugin({
  name: 'fruit',
  stage: 'admit',
  rule: byHand,
  http:
    ({ kind }) =>
    async () =>
      reply(200, {}, kind satisfies 'apple'),
})
millrace({ plugins: [fruit], routes: { '/a': { fruit: { kind: 'pear' } } } })
millrace({
  plugins: [fruit],
  // @ts-expect-error
  routes: { '/a': { fruit: { kind: 5 } } },
})

export const named: Layer<Call<[string]>, number> = (call, next) =>
  next({ ...call, args: [call.args[0].trim()] })
