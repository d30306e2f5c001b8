import type { Call } from '@millrace/core'
import { Hedge } from './hedge.ts'
import type { HedgeRule } from './hedge-rule.ts'
import { nameOf, type Place } from './protect.ts'
import { Retry } from './retry.ts'
import type { RetryRule } from './retry-rule.ts'
import type { Strategy } from './strategy.ts'

/** What makes more than one attempt of a call, the outermost first: each attempt of `retry` may be hedged. */
export const repeatsOf = (
  place: Place<Call>,
  retry: RetryRule | undefined,
  hedge: HedgeRule | undefined,
): readonly Strategy<Call>[] => [
  ...(retry === undefined ? [] : [withRetry(place, retry)]),
  ...(hedge === undefined ? [] : [withHedge(place, hedge)]),
]

const withRetry = (place: Place<Call>, rule: RetryRule): Strategy<Call> => {
  const { clock, house } = place
  const { total = Number.POSITIVE_INFINITY } = place.rule.timeout
  const { thing, follow } = house.budget('retry', nameOf(place), rule.budget, clock)
  const retry = new Retry(rule, { ...place, random: house.random, budget: thing, total })
  return (call, next) => {
    follow()
    return retry.run(call, next)
  }
}

const withHedge = (place: Place<Call>, rule: HedgeRule): Strategy<Call> => {
  const { clock, house } = place
  const { thing, follow } = house.budget('hedge', nameOf(place), rule.budget, clock)
  const hedge = new Hedge(rule, { ...place, deadlines: house.deadlines(clock), budget: thing })
  return (call, next) => {
    follow()
    return hedge.run(call, next)
  }
}
