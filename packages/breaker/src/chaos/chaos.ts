import { randomInt } from 'node:crypto'
import { ConfigError, type Plugin } from '@millrace/core'
import { cut, Dice } from './dice.ts'
import { ChaosError } from './error.ts'
import { garbleReply, garbleResult } from './garble.ts'
import { type ChaosRules, callSchema, type OnlyCall, type OnlyExchange, type Rule, schema } from './rule.ts'
import { telemetry } from './telemetry.ts'

export interface ChaosOptions {
  /** A whole number: the same seed and the same order of work, the same faults. Default: another each time, see `inspect()`. */
  readonly seed?: number
  /** Needed where `NODE_ENV` is `production`. */
  readonly inProduction?: 'break it on purpose'
}

/**
 * Faults by rate, for tests and game days: latency, errors, cut connections, damaged bodies.
 *
 * Put it behind `breaker()` in `plugins`, so that it stands further in.
 *
 * @throws ConfigError where `NODE_ENV` is `production` and the options do not say in words that it is meant
 */
export const chaos = (
  options: ChaosOptions = {},
): Plugin<'chaos', ChaosRules, Rule<OnlyExchange>, Rule<OnlyCall>> => {
  const { seed = randomInt(2 ** 32), inProduction } = options
  if (!Number.isSafeInteger(seed))
    throw new ConfigError([`chaos({ seed }): expected a whole number, got ${seed}`])
  if (process.env['NODE_ENV'] === 'production' && inProduction !== 'break it on purpose') {
    throw new ConfigError([
      'chaos(): refused, as NODE_ENV is "production". If it is meant, say chaos({ inProduction: "break it on purpose" })',
    ])
  }
  const dice = new Dice(seed)
  return {
    name: 'chaos',
    stage: 'protect',
    rule: schema,
    callRule: callSchema,
    shorthand: (value) => (typeof value === 'number' ? { error: value } : undefined),
    telemetry,
    http(rule, { name, clock }) {
      return async function chaos(exchange, next) {
        if (rule.only !== undefined && !isMeant(rule.only, exchange)) return next(exchange)
        if (await dice.before(rule, clock, name, exchange, exchange)) return cut(name)
        const answer = await next(exchange)
        if (dice.hits(rule.garbage)) {
          dice.told('garbage', name, exchange)
          garbleReply(answer, dice.random)
        }
        return answer
      }
    },
    call(rule, { name, clock }) {
      return async function chaos(call, next) {
        if (rule.only !== undefined && !isMeant(rule.only, ...call.args)) return next(call)
        if (await dice.before(rule, clock, name, call, undefined))
          throw new ChaosError(`the connection of ${name} was cut on purpose`, 500, 'ECONNRESET')
        const result = await next(call)
        if (!dice.hits(rule.garbage)) return result
        dice.told('garbage', name, undefined)
        return garbleResult(result, dice.random)
      }
    },
    inspect: () => dice.inspect(),
    explain: ({ latency, error, abort, garbage }) =>
      [
        ['is held up', latency.rate] as const,
        ['fails', error.rate] as const,
        ['is cut off', abort] as const,
        ['comes back damaged', garbage] as const,
      ]
        .filter(([, rate]) => rate > 0)
        .map(([what, rate]) => `${what} on purpose, at a rate of ${rate}`),
  }
}

/** What throws chooses nothing: it must not break what it was to spare. */
const isMeant = <A extends readonly unknown[]>(only: (...args: A) => boolean, ...args: A): boolean => {
  try {
    return only(...args)
  } catch {
    return false
  }
}
