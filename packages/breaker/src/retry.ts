import type { Call, Clock, Handler } from '@millrace/core'
import { isAbandoned } from './abandoned.ts'
import { nextWait, waitAsAsked } from './backoff.ts'
import type { Budget } from './budget.ts'
import { discard, discardResponse } from './discard.ts'
import { BreakerOpenError } from './errors.ts'
import { type Retried, retried } from './events.ts'
import { pause } from './pause.ts'
import { isRepeatable } from './repeatable.ts'
import type { RetryRule } from './retry-rule.ts'
import { statusOf } from './status.ts'
import type { Kind } from './strategy.ts'

export interface RetryParts {
  /** The call: `site.name`. */
  readonly at: string
  readonly kind: Kind<Call>
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random: () => number
  /** One for all that go by one name. */
  readonly budget: Budget
  /** Milliseconds that all attempts have together; Infinity where nobody said. */
  readonly total: number
  /** How long the caller still waits, in milliseconds, where that can be known. */
  readonly leftOf: ((call: Call) => number) | undefined
}

type Attempted<O> = { readonly result: O } | { readonly error: unknown }

/**
 * Calls again what has failed and may work next time. It ends with the first outcome that is not worth another attempt,
 * when attempts or budget are used up, when nobody would wait for the next attempt any more, and with the caller.
 */
export class Retry {
  readonly #rule: RetryRule
  readonly #parts: RetryParts

  constructor(rule: RetryRule, parts: RetryParts) {
    this.#rule = rule
    this.#parts = parts
  }

  async run<O>(call: Call, next: Handler<Call, O>): Promise<O> {
    const { clock, budget, total } = this.#parts
    const until = total === Number.POSITIVE_INFINITY ? total : clock.elapsed() + total
    budget.deposit()
    // What was chosen last, whatever the other side asked for.
    let backoff = 0
    for (let attempt = 1; ; attempt++) {
      let outcome: Attempted<O>
      try {
        const result = await next(call)
        if (this.#rule.when === undefined && !this.#isListed(statusOf(result))) return result
        outcome = { result }
      } catch (error) {
        outcome = { error }
      }
      const own = nextWait(this.#rule, backoff, this.#parts.random())
      const wait = this.#isWorth(call, outcome, attempt)
        ? this.#wait(call, outcome, attempt, own, until)
        : undefined
      if (wait === undefined) {
        if ('error' in outcome) throw outcome.error
        return outcome.result
      }
      if ('result' in outcome) discard(outcome.result)
      else discardResponse(outcome.error)
      backoff = own
      await pause(clock, wait, call.signal)
    }
  }

  #isListed(status: number | undefined): boolean {
    return status !== undefined && this.#rule.statuses.has(status)
  }

  /** Whether another attempt might help: by the statuses where the rule's own function throws. */
  #isWorth(call: Call, outcome: Attempted<unknown>, attempt: number): boolean {
    const { when } = this.#rule
    if ('error' in outcome && outcome.error instanceof BreakerOpenError) return false
    if (isAbandoned(this.#parts.kind, call)) return false
    if (when !== undefined) {
      try {
        return when(outcome, attempt)
      } catch {}
    }
    if ('result' in outcome) return this.#isListed(statusOf(outcome.result))
    const status = statusOf(outcome.error)
    return status === undefined || this.#isListed(status)
  }

  /** @returns how long to wait for the next attempt, in milliseconds; undefined when there is none */
  #wait(
    call: Call,
    outcome: Attempted<unknown>,
    attempt: number,
    own: number,
    until: number,
  ): number | undefined {
    const { attempts, maxRetryAfter, methods } = this.#rule
    const { at, kind, clock, random, budget, leftOf } = this.#parts
    const error = 'error' in outcome ? outcome.error : undefined
    const tell = (decision: Retried['decision'], wait?: number): number | undefined => {
      if (retried.hasSubscribers) retried.publish({ at, attempt, decision, wait, error })
      return wait
    }
    if (attempt > attempts) return tell('attempts')
    if (!isRepeatable(call.args, methods)) return tell('arguments')
    const asked = kind.retryAfter('error' in outcome ? outcome.error : outcome.result, clock.now())
    if (asked !== undefined && asked > maxRetryAfter) return tell('asked')
    const wait = asked === undefined ? own : Math.max(own, waitAsAsked(this.#rule, asked, random()))
    const left = Math.min(until - clock.elapsed(), leftOf?.(call) ?? Number.POSITIVE_INFINITY)
    if (wait >= left) return tell('deadline')
    return budget.withdraw() ? tell('again', wait) : tell('budget')
  }
}
