import { type Clock, type Exchange, failed, type Plugin, type Reply } from '@millrace/core'
import { z } from 'zod'
import { callTimed, type ExchangeTimed, exchangeTimed } from './events.ts'

/** What a route may say: `timing: true` or these options. */
export interface TimingRule {
  /** Whether the reply tells its time in a `Server-Timing` field (W3C Server Timing). Default true. */
  readonly header?: boolean | undefined
  /** The metric's name in that field: a token. Default `total`. */
  readonly metric?: string | undefined
}

interface Rule {
  readonly header: boolean
  readonly metric: string
}

const schema: z.ZodType<Rule> = z.strictObject({
  header: z.boolean().default(true),
  metric: z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected a token such as "total"' })
    .default('total'),
})

/** How long things take: a `Server-Timing` field and an event for each exchange, an event for each wrapped call. */
export const timing = (): Plugin<'timing', TimingRule, Rule> => {
  let inFlight = 0
  let finished = 0
  let aborted = 0
  let failures = 0

  return {
    name: 'timing',
    stage: 'observe',
    rule: schema,
    http: (rule, { clock }) =>
      async function timing(exchange, next) {
        const began = clock.elapsed()
        inFlight++
        let reply: Reply | undefined
        let head: number | undefined
        try {
          reply = await next(exchange)
          head = clock.elapsed() - began
          if (rule.header) reply.headers.append('Server-Timing', `${rule.metric};dur=${head.toFixed(1)}`)
          return reply
        } finally {
          watch(exchange, clock, began, reply, head)
        }
      },
    call: (_, { clock }) =>
      async function timing(call, next) {
        const began = clock.elapsed()
        let done = false
        try {
          const result = await next(call)
          done = true
          return result
        } finally {
          if (callTimed.hasSubscribers)
            callTimed.publish({ name: call.name, total: clock.elapsed() - began, failed: !done })
        }
      },
    inspect: () => ({ inFlight, finished, aborted, failed: failures }),
  }

  function watch(
    exchange: Exchange,
    clock: Clock,
    began: number,
    reply: Reply | undefined,
    head: number | undefined,
  ): void {
    void exchange.done.then((outcome) => {
      inFlight--
      finished++
      if (outcome.aborted) aborted++
      const broken = reply === undefined ? !outcome.aborted : failed(reply)
      if (broken) failures++
      if (!exchangeTimed.hasSubscribers) return
      const event: ExchangeTimed = {
        method: exchange.method,
        route: exchange.route,
        status: reply?.status ?? 0,
        head,
        total: clock.elapsed() - began,
        bytes: outcome.bytes,
        aborted: outcome.aborted,
        failed: broken,
      }
      exchangeTimed.publish(event)
    })
  }
}
