import { type Call, type CallLayer, type Exchange, type Plugin, systemRandom } from '@millrace/core'
import { replyOf } from './answer.ts'
import { House } from './house.ts'
import { type BatchRules, type CallRule, callSchema, type Rule, schema } from './rule.ts'
import { telemetryOf } from './telemetry.ts'

export interface BatchOptions {
  /** From 0 to 1, for the waits between attempts. */
  readonly random?: () => number
}

/** Requests to a route, and calls of a wrapped function, gathered and given to one call of a handler. */
export const batch = (options: BatchOptions = {}): Plugin<'batch', BatchRules, Rule, CallRule> => {
  const house = new House(options.random ?? systemRandom)

  return {
    name: 'batch',
    stage: 'gather',
    rule: schema,
    callRule: callSchema,
    http(rule, site) {
      const { handler: many, groupBy, priority } = rule
      const load = house.open<Exchange, unknown>(site, { many, gathering: rule, key: undefined, groupBy })
      return async function batch(exchange, next) {
        const answer = await load(exchange, exchange.signal, priority?.(exchange) ?? 0)
        return answer === undefined ? next(exchange) : replyOf(answer)
      }
    },
    call(rule, site): CallLayer {
      const { many, key, groupBy, priority } = rule
      const load = house.open<Call, unknown>(site, {
        many: (calls, context) =>
          many(
            calls.map(({ args }) => args),
            context,
          ),
        gathering: rule,
        key,
        groupBy,
      })
      return async function batch<A extends readonly unknown[], O>(call: Call<A>): Promise<O> {
        const result = await load(call, call.signal, priority?.(call) ?? 0)
        // The rule says that what comes of `many` is what would come of the function.
        return result as O
      }
    },
    async start() {
      house.start()
    },
    stop: () => house.stop(),
    telemetry: telemetryOf(() => house.inspect()),
    inspect: () => house.inspect(),
    health: async () => house.health(),
    explain: ({ window, max }) => [`in batches of ${sizeOf(max)}, ${windowOf(window)}`],
  }
}

const sizeOf = (max: Rule['max']): string =>
  typeof max === 'number' ? `up to ${max}` : `${max.min} to ${max.max}, as ${max.target} ms allow`

const windowOf = (window: Rule['window']): string => {
  if (typeof window === 'string') return `of one ${window}`
  if (typeof window === 'number') return `within ${window} ms`
  return `within ${window.min} to ${window.max} ms, as ${window.target} ms allow`
}
