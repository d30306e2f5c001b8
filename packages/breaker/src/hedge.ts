import type { Call, Clock, Deadlines, Handler } from '@millrace/core'
import { isAbandoned } from './abandoned.ts'
import type { Budget } from './budget.ts'
import { discard } from './discard.ts'
import { type Hedged, hedged } from './events.ts'
import type { HedgeRule } from './hedge-rule.ts'
import { Limit } from './limit.ts'
import { Latencies } from './quantile.ts'
import { isRepeatable } from './repeatable.ts'
import type { Kind } from './strategy.ts'

export interface HedgeParts {
  /** The call: `site.name`. */
  readonly at: string
  readonly kind: Kind<Call>
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** One for all that go by one name. */
  readonly budget: Budget
}

/** Another attempt of the same call was faster: why this one is told to stop. */
export class HedgedError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ERR_MILLRACE_HEDGED'

  constructor(at: string) {
    super(`another attempt of ${at} was faster`)
  }
}

/** How many attempts have to be known before their quantile says something. */
const enough = 20

/**
 * Calls once more what takes long, and takes what comes first (The Tail at Scale, Dean and Barroso, CACM 2013). Attempts
 * that fail are waited out as long as another one is under way. If all fail, the first one's outcome counts.
 */
export class Hedge {
  readonly rule: HedgeRule
  readonly parts: HedgeParts
  readonly #latencies = new Latencies()

  constructor(rule: HedgeRule, parts: HedgeParts) {
    this.rule = rule
    this.parts = parts
  }

  run<O>(call: Call, next: Handler<Call, O>): Promise<O> {
    this.parts.budget.deposit()
    return new Race(this, call, next).run()
  }

  /** After how many milliseconds there is another attempt; undefined when too little is known. */
  get delay(): number | undefined {
    const { after, quantile, min } = this.rule
    if (after !== undefined) return after
    if (this.#latencies.total < enough) return undefined
    return Math.max(min, this.#latencies.quantile(quantile))
  }

  /** An attempt has taken so many milliseconds, or this long until it was told to stop. */
  record(latency: number): void {
    if (this.rule.after === undefined) this.#latencies.record(latency)
  }

  /** Whether there may be an attempt beside one that has taken `after` milliseconds. */
  allows(call: Call, after: number): boolean {
    const { kind, budget } = this.parts
    if (isAbandoned(kind, call)) return false
    const decision = !isRepeatable(call.args, this.rule.methods)
      ? 'arguments'
      : budget.withdraw()
        ? 'sent'
        : 'budget'
    this.tell(decision, after)
    return decision === 'sent'
  }

  tell(decision: Hedged['decision'], after: number): void {
    if (hedged.hasSubscribers) hedged.publish({ at: this.parts.at, decision, after })
  }
}

type Outcome<O> = { readonly result: O } | { readonly error: unknown }

class Attempt {
  readonly limit = new Limit()
  readonly began: number
  over = false

  constructor(began: number) {
    this.began = began
  }
}

/** The attempts of one call. */
class Race<O> {
  readonly #hedge: Hedge
  readonly #call: Call
  readonly #next: Handler<Call, O>
  readonly #attempts: Attempt[] = []
  readonly #settled = Promise.withResolvers<O>()
  #wait: ReturnType<Deadlines['begin']> | undefined
  #first: Outcome<O> | undefined
  #running = 0
  #over = false

  constructor(hedge: Hedge, call: Call, next: Handler<Call, O>) {
    this.#hedge = hedge
    this.#call = call
    this.#next = next
  }

  run(): Promise<O> {
    this.#begin()
    return this.#settled.promise
  }

  #begin(): void {
    const { kind, clock, deadlines } = this.#hedge.parts
    const attempt = new Attempt(clock.elapsed())
    this.#attempts.push(attempt)
    this.#running++
    this.#next(kind.limited(this.#call, attempt.limit)).then(
      (result) => this.#succeeded(attempt, result),
      (error: unknown) => this.#failed(attempt, { error }),
    )
    const { delay, rule } = this.#hedge
    if (delay === undefined || this.#attempts.length > rule.attempts) return
    this.#wait = deadlines.begin(attempt.began + delay, () => this.#late())
  }

  #late(): void {
    if (this.#over) return
    if (this.#hedge.allows(this.#call, this.#age)) this.#begin()
  }

  get #age(): number {
    return this.#hedge.parts.clock.elapsed() - (this.#attempts[0]?.began ?? 0)
  }

  #succeeded(attempt: Attempt, result: O): void {
    const { kind } = this.#hedge.parts
    if (this.#over) discard(result)
    else if (kind.isFailure(result)) this.#failed(attempt, { result })
    else {
      this.#close(attempt)
      if (this.#first && 'result' in this.#first) discard(this.#first.result)
      if (attempt !== this.#attempts[0]) this.#hedge.tell('won', this.#age)
      this.#settled.resolve(result)
    }
  }

  #failed(attempt: Attempt, outcome: Outcome<O>): void {
    if (this.#over) return
    attempt.over = true
    this.#running--
    if (attempt === this.#attempts[0]) this.#first = outcome
    else if ('result' in outcome) discard(outcome.result)
    if (this.#running > 0 || this.#first === undefined) return
    this.#close(undefined)
    if ('error' in this.#first) this.#settled.reject(this.#first.error)
    else this.#settled.resolve(this.#first.result)
  }

  /** @param winner undefined when all have failed */
  #close(winner: Attempt | undefined): void {
    const { at, clock, deadlines } = this.#hedge.parts
    this.#over = true
    if (this.#wait) deadlines.end(this.#wait)
    const now = clock.elapsed()
    for (const attempt of this.#attempts) {
      if (attempt.over) continue
      // Of one that is told to stop as well: else only quick ones would count.
      this.#hedge.record(now - attempt.began)
      if (attempt !== winner) attempt.limit.abort(new HedgedError(at))
    }
  }
}
