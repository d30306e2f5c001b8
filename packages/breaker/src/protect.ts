import { type Clock, warn } from '@millrace/core'
import type { BulkheadRule } from './bulkhead-rule.ts'
import { bulkheaded } from './bulkheaded.ts'
import { BreakerOpenError } from './errors.ts'
import { rejected, timedOut } from './events.ts'
import { fallingBack } from './fallback.ts'
import { Guard } from './guard.ts'
import type { House } from './house.ts'
import type { CircuitPolicy, Verdict } from './policy.ts'
import type { CommonRule } from './rule.ts'
import type { Kind, Strategy } from './strategy.ts'
import { Timeout } from './timeout.ts'

/** A route or a call that is protected. */
export interface Place<I> {
  readonly kind: Kind<I>
  readonly house: House
  readonly clock: Clock
  /** `site.name`. */
  readonly at: string
  readonly rule: CommonRule<I>
  readonly keyOf: ((input: I) => string) | undefined
  readonly judge: (input: I, thrown: boolean, value: unknown, duration: number) => Verdict
  /** Whether the judge looks at the duration. */
  readonly isTimed: boolean
  /** How long the caller waits, in milliseconds, where that can be known. */
  readonly leftOf: ((input: I) => number) | undefined
}

/**
 * The strategies of a place as one. Their order does not depend on how the rule was written.
 *
 * @param repeats those that may make more than one attempt, the outermost first
 */
export const protect = <I>(place: Place<I>, repeats: readonly Strategy<I>[] = []): Strategy<I> => {
  const { circuit, timeout, bulkhead, fallback } = place.rule
  const { attempt = Number.POSITIVE_INFINITY, total = Number.POSITIVE_INFINITY, header } = timeout
  const limit = Math.min(attempt, total)
  const isLimited = limit < Number.POSITIVE_INFINITY || header !== undefined
  // Where there is but one attempt, which nobody waits for, its time and all of the time are the same.
  const hasTotal =
    (total < Number.POSITIVE_INFINITY || header !== undefined) &&
    (bulkhead !== undefined || repeats.length > 0)
  return chain([
    ...(fallback === undefined ? [] : [fallingBack(fallback, place)]),
    ...(hasTotal ? [limited(place, 'total', total)] : []),
    ...(bulkhead === undefined ? [] : [withBulkhead(place, bulkhead)]),
    ...repeats,
    ...(circuit === undefined ? [] : [guarded(place, circuit)]),
    ...(isLimited ? [limited(place, attempt <= total ? 'attempt' : 'total', limit)] : []),
  ])
}

/** What circuits, bulkheads and budgets of a place are known by. */
export const nameOf = <I>({ rule, at }: Place<I>): string => rule.name ?? at

const withBulkhead = <I>(place: Place<I>, rule: BulkheadRule<I>): Strategy<I> => {
  const { house, clock } = place
  const { thing, follow } = house.bulkhead(nameOf(place), rule, clock)
  const run = bulkheaded(rule, { ...place, bulkhead: thing })
  return (input, next) => {
    follow()
    return run(input, next)
  }
}

const chain = <I>(strategies: readonly Strategy<I>[]): Strategy<I> =>
  strategies.length === 0
    ? (input, next) => next(input)
    : strategies.reduceRight((inner, outer) => (input, next) => outer(input, (each) => inner(each, next)))

const limited = <I>(place: Place<I>, scope: 'attempt' | 'total', limit: number): Strategy<I> => {
  const { kind, house, clock, at, leftOf } = place
  const timeout = new Timeout<I>({
    kind,
    clock,
    deadlines: house.deadlines(clock),
    at,
    limit,
    leftOf,
    late(input, most) {
      if (timedOut.hasSubscribers)
        timedOut.publish({ at, exchange: kind.exchangeOf(input), scope, limit: most })
    },
  })
  return (input, next) => timeout.run(input, next)
}

const guarded = <I>(place: Place<I>, policy: CircuitPolicy): Strategy<I> => {
  const { kind, house, clock, at, judge } = place
  const name = nameOf(place)
  const guard = new Guard<I>({
    kind,
    clock,
    circuits: house.circuits(name, { policy, isShared: place.rule.isShared }, clock),
    keyOf: place.keyOf && keyReader(place.keyOf, at),
    judge,
    isTimed: place.isTimed || policy.trip.slow !== undefined,
    rejected(input, { key, retryAfter }) {
      if (rejected.hasSubscribers)
        rejected.publish({ at, exchange: kind.exchangeOf(input), breaker: name, key, retryAfter })
      return new BreakerOpenError(at, retryAfter)
    },
  })
  return (input, next) => guard.run(input, next)
}

/** How much of a key counts. */
const longest = 256

/** What has no key shares the circuit of those without one: a mistake in `key` is no reason to fail the request. */
const keyReader = <I>(keyOf: (input: I) => string, at: string): ((input: I) => string) => {
  let isTold = false
  return (input) => {
    try {
      return String(keyOf(input)).slice(0, longest)
    } catch (error) {
      if (!isTold)
        warn({ code: 'MILLRACE_BREAKER_KEY', message: `breaker.key of ${at} throws: ${String(error)}` })
      isTold = true
      return ''
    }
  }
}
