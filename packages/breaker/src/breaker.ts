import {
  type Call,
  type CallLayer,
  type Exchange,
  type Layer,
  type Plugin,
  type Reply,
  type Site,
  systemRandom,
} from '@millrace/core'
import { answering } from './answer.ts'
import { calls, RelayedCall } from './calls.ts'
import { type BreakerControls, bulkheadsOf, controlsOf, countStates } from './controls.ts'
import { remainingTime, saidTime, withDeadline } from './deadline.ts'
import { House } from './house.ts'
import { whenTripped } from './policy.ts'
import { type Place, protect } from './protect.ts'
import { repeatsOf } from './repeats.ts'
import { answered, isReply, routes } from './routes.ts'
import { type BreakerRules, type CallRule, callSchema, type RouteRule, routeSchema } from './rule.ts'
import { parseShared, type SharedOptions } from './shared.ts'
import { telemetryOf } from './telemetry.ts'
import { verdictOf } from './verdict.ts'
import type { Votes } from './votes.ts'

export interface BreakerOptions {
  /** From 0 to 1, without 1: for what is spread at random. Default: the system's. */
  readonly random?: () => number
  /**
   * Where processes tell each other which circuits they have opened: what more than half of them have, and two at the least,
   * is open in all. Default: each decides alone.
   */
  readonly shared?: Votes | SharedOptions
}

export type Breaker = Plugin<'breaker', BreakerRules, RouteRule, CallRule> & {
  readonly controls: BreakerControls
}

/**
 * Keeps routes and calls from waiting for what fails or hangs, and what fails from being called.
 *
 * @throws ConfigError when `shared` is wrong
 */
export const breaker = ({ random = systemRandom, shared }: BreakerOptions = {}): Breaker => {
  const house = new House(random, shared && parseShared(shared))
  return {
    name: 'breaker',
    stage: 'protect',
    rule: routeSchema,
    callRule: callSchema,
    shorthand: (value) =>
      typeof value === 'string' || typeof value === 'number' ? { timeout: value } : undefined,
    http: (rule, site) => protectRoute(rule, site, house),
    call: (rule, site) => protectCall(rule, site, house),
    controls: controlsOf(house),
    telemetry: telemetryOf(house),
    start: () => house.start(),
    stop: () => house.stop(),
    inspect: () => ({
      circuits: controlsOf(house).states(),
      bulkheads: bulkheadsOf(house),
      ...(house.council && { shared: house.council.inspect() }),
    }),
    explain: explained,
    async health() {
      const open: string[] = []
      for (const [name, counts] of countStates(house))
        if (counts.has('open') || counts.has('half-open')) open.push(name)
      if (open.length === 0) {
        return house.council?.reachable === false
          ? { status: 'degraded', detail: 'decides alone: the other processes cannot be reached' }
          : { status: 'ok' }
      }
      return {
        status: 'degraded',
        detail: `open: ${open.slice(0, 10).join(', ')}${open.length > 10 ? ', ...' : ''}`,
      }
    },
  }
}

/** What the rule of a route says, in short. */
const explained = ({ circuit, timeout, bulkhead, fallback }: RouteRule): readonly string[] => {
  const { attempt = Number.POSITIVE_INFINITY, total = Number.POSITIVE_INFINITY } = timeout
  const limit = Math.min(attempt, total)
  return [
    circuit === undefined ? 'without a circuit' : `a circuit that opens ${whenTripped(circuit.trip)}`,
    ...(limit < Number.POSITIVE_INFINITY ? [`waits ${limit} ms at most`] : []),
    ...(bulkhead === undefined ? [] : ['no more at once than its bulkhead has places for']),
    ...(fallback === undefined ? [] : ['has a fallback']),
  ]
}

const protectRoute = (rule: RouteRule, { name: at, clock }: Site, house: House): Layer<Exchange, Reply> => {
  const { key: keyOf, failure, reject } = rule
  const { header } = rule.timeout
  const run = protect<Exchange>({
    kind: rule.fallback === undefined && rule.bulkhead === undefined ? answered : routes,
    house,
    clock,
    at,
    rule,
    keyOf,
    isTimed: failure !== undefined,
    judge(exchange, thrown, value, duration) {
      if (failure === undefined) return verdictOf(routes, thrown, value)
      return verdictOf(routes, thrown, value, () =>
        failure(
          isReply(value) && !thrown ? { reply: value, duration } : { error: value, duration },
          exchange,
        ),
      )
    },
    leftOf: header === undefined ? undefined : ({ headers }) => saidTime(headers[header]),
  })
  if (header === undefined) return answering(at, run, reject)
  const { attempt = Number.POSITIVE_INFINITY, total = attempt } = rule.timeout
  return answering(
    at,
    (exchange, next) =>
      withDeadline(clock, Math.min(total, saidTime(exchange.headers[header])), header, () =>
        run(exchange, next),
      ),
    reject,
  )
}

const protectCall = (rule: CallRule, { name: at, clock }: Site, house: House): CallLayer => {
  const { key, failure } = rule
  const place: Place<Call> = {
    kind: calls,
    house,
    clock,
    at,
    rule,
    keyOf: key && (({ args }) => Reflect.apply(key, undefined, [...args])),
    isTimed: failure !== undefined,
    judge(call, thrown, value, duration) {
      if (failure === undefined) return verdictOf(calls, thrown, value)
      return verdictOf(calls, thrown, value, () =>
        Reflect.apply(failure, undefined, [
          thrown ? { error: value, duration } : { result: value, duration },
          call,
        ]),
      )
    },
    leftOf: () => remainingTime() ?? Number.POSITIVE_INFINITY,
  }
  const run = protect(place, repeatsOf(place, rule.retry, rule.hedge))
  return function breaker(call, next) {
    return run(call, (inner) => next(inner === call ? call : new RelayedCall(call, inner)))
  }
}
