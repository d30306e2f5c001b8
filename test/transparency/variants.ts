import { setImmediate } from 'node:timers/promises'
import {
  definePlugin,
  type Exchange,
  type Layer,
  type Millrace,
  millrace,
  type Plugin,
  type Reply,
  tap,
} from '@millrace/core'
import { timing } from '@millrace/timing'
import { tracing } from '@millrace/tracing'
import { trace } from '@opentelemetry/api'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { z } from 'zod'
import { type Content, contentOf } from './content.ts'
import type { View } from './run.ts'

/** Where Millraces stand. */
export interface Wrapping {
  /** Around the whole app, by `listener`. */
  readonly outside: readonly Millrace[]
  /** In the app, by `use()`. */
  readonly inside: readonly Millrace[]
  /** On the route, by `use(rules)`. */
  readonly inline: readonly { readonly mill: Millrace; readonly rules: object }[]
}

export interface Variant extends Wrapping {
  readonly name: string
  readonly view: View
  /** Whether an answer comes later than without. */
  readonly delays: boolean
}

type HttpLayer = Layer<Exchange, Reply>

const plugin = (name: string, layer: HttpLayer): Plugin<string, object, object> =>
  definePlugin({ name, stage: 'observe', rule: z.object({}), http: () => layer })

const everywhere = (...plugins: readonly Plugin<string, object, object>[]): Millrace =>
  millrace({ plugins, routes: { '/**': Object.fromEntries(plugins.map(({ name }) => [name, true])) } })

const pass: HttpLayer = async (exchange, next) => next(exchange)

const waitAfter: HttpLayer = async (exchange, next) => {
  const reply = await next(exchange)
  await Promise.resolve()
  await Promise.resolve()
  await setImmediate()
  return reply
}

const waitBefore: HttpLayer = async (exchange, next) => {
  await setImmediate()
  return next(exchange)
}

/** Looks at everything there is to see. */
const look: HttpLayer = async (exchange, next) => {
  const reply = await next(exchange)
  void [
    reply.status,
    reply.reason,
    reply.headers.get('content-type'),
    exchange.signal,
    exchange.params,
    exchange.query,
  ]
  void exchange.done.then((outcome) => outcome.bytes)
  void tap(reply, 1_000_000)
  return reply
}

/** Hands every byte on through a generator. */
const through: HttpLayer = async (exchange, next) => {
  const reply = await next(exchange)
  const { body } = reply
  if (body === null) return reply
  reply.body = (async function* () {
    if (body instanceof Uint8Array) yield body
    else for await (const bytes of body) yield bytes
  })()
  return reply
}

const uppercase = (text: string): string => text.replaceAll(/[a-z]+/g, (run) => run.toUpperCase())

/** Puts another body in the place of one that is there as a whole. */
const shout: HttpLayer = async (exchange, next) => {
  const reply = await next(exchange)
  if (reply.body instanceof Uint8Array)
    reply.body = Buffer.from(uppercase(Buffer.from(reply.body).toString('latin1')), 'latin1')
  return reply
}

const noDate = (text: string): string =>
  text.replaceAll(/^(date: )[^\r\n]*/gim, '$1...').replaceAll(/("date",")[^"]*/gi, '$1...')

/** HTTP/2's compatibility classes keep the status among the fields once the head is out. */
const noStatus = (text: string): string =>
  noDate(text)
    .replaceAll(/(?:, | )?':status'(?:: \d+)?/g, '')
    .replaceAll(/([{[]) ([}\]])/g, '$1$2')

/** While layers wait, a handler's writes gather, and HTTP/2 has no frame of its own for each then. */
const gathered = (text: string): string =>
  noDate(text).replaceAll(/(?:DATA (\d+) 0 \d+\n)+/g, 'DATA $1 ...\n')
const delayed: View = { exact: true, received: gathered, all: gathered, call: noStatus }

const exact: View = { exact: true, received: noDate, all: noDate, call: noStatus }
const noTiming = (text: string): string =>
  noDate(text).replaceAll(
    /server-timing: total;dur=[\w.;=, ]+\r\n|"server-timing","total;dur=[\w.;=, ]+",|,"server-timing","total;dur=[\w.;=, ]+"/gi,
    '',
  )
/** With a field more; whether the fields stand on the response then, or were only in the head, is no difference. */
const untimed: View = {
  exact: true,
  received: noTiming,
  all: noTiming,
  call: (text) => text.replace(/, fields .*/, ''),
}
const content = (change: (content: Content) => Content): View => ({
  exact: false,
  received: (text) => contentOf(noDate(text), change, false),
  all: (text) => contentOf(noDate(text), change, true),
  call: noDate,
})
const same = content((each) => each)
const upper = content((each) => ({ ...each, body: uppercase(each.body) }))

const five = everywhere(
  plugin('a', pass),
  plugin('b', pass),
  plugin('c', pass),
  plugin('d', pass),
  plugin('e', pass),
)
const outer = everywhere(plugin('outer', pass))
const inner = everywhere(plugin('inner', waitAfter))
const waiting = everywhere(plugin('first', pass), plugin('waits', waitAfter), plugin('last', pass))
const late = everywhere(plugin('waits', waitBefore))
const quietTiming = millrace({ plugins: [timing()], routes: { '/**': { timing: { expose: 'nobody' } } } })
const loudTiming = millrace({ plugins: [timing()], routes: { '/**': { timing: true } } })
// Everything is recorded, and goes nowhere.
trace.setGlobalTracerProvider(new TracerProvider())
const recording = millrace({ plugins: [tracing()], routes: { '/**': { tracing: true } } })
const inlineMill = millrace({ plugins: [plugin('own', pass)] })

const variant = (name: string, view: View, wrapping: Partial<Wrapping>, delays = false): Variant => ({
  name,
  view: delays ? delayed : view,
  delays,
  outside: [],
  inside: [],
  inline: [],
  ...wrapping,
})

export const bare: Variant = variant('bare', exact, {})

/** Those that nobody may be able to tell from none. */
export const transparent: readonly Variant[] = [
  variant('no plugins', exact, { inside: [everywhere()] }),
  variant('five layers', exact, { inside: [five] }),
  variant('a layer that waits', exact, { inside: [waiting] }, true),
  variant('a layer that waits before', exact, { inside: [late] }, true),
  variant('two Millraces', exact, { inside: [outer, inner] }, true),
  variant('outside and inside', exact, { outside: [five], inside: [five, inner] }, true),
  variant('two outside', exact, { outside: [outer, waiting] }, true),
  variant('inline', exact, { inline: [{ mill: inlineMill, rules: { own: true } }] }),
  variant('timing', exact, { inside: [quietTiming] }),
  variant('timing with its field', untimed, { inside: [loudTiming] }),
  variant('tracing', exact, { inside: [recording] }),
  variant('a layer that looks', exact, { inside: [everywhere(plugin('looks', look))] }),
]

/** Those that send the same content another way. */
export const transforming: readonly Variant[] = [
  variant('a body through a generator', same, { inside: [everywhere(plugin('through', through))] }),
  variant('a body through a generator, outside', same, { outside: [everywhere(plugin('through', through))] }),
  variant('another body', upper, { inside: [everywhere(plugin('shout', shout))] }),
  variant('a body through two Millraces', same, {
    inside: [everywhere(plugin('through', through)), everywhere(plugin('too', through))],
  }),
]

export const variants: readonly Variant[] = [...transparent, ...transforming]
