import type { Clock } from '@millrace/core'

export interface BudgetOptions {
  /** Further attempts for each call, on average: 0.2 is one for five calls. */
  readonly ratio: number
  /** Further attempts in each second, however few the calls are. */
  readonly minimum: number
}

/** For how many seconds the minimum can be saved up. */
const saved = 10
/** What can be saved up at least. */
const least = 10

/**
 * How many further attempts there may be: a bucket of tokens that calls and time fill, as Finagle's `RetryBudget` does and
 * `retry_budget` of Envoy. When all calls fail, attempts do not multiply the load by their number.
 *
 * Within any `t` seconds with `n` calls there are at most `max(10, 10 * minimum) + ratio * n + minimum * t`.
 */
export class Budget {
  readonly #clock: Clock
  #options: BudgetOptions
  #tokens: number
  /** By `clock.elapsed()`: until when the minimum has been paid in. */
  #paid: number

  constructor(clock: Clock, options: BudgetOptions) {
    this.#clock = clock
    this.#options = options
    this.#tokens = saved * options.minimum
    this.#paid = clock.elapsed()
  }

  /** Other options from now on. What was saved up stays, as far as it may. */
  configure(options: BudgetOptions): void {
    this.#payMinimum()
    this.#options = options
    this.#add(0)
  }

  /** There is a call. */
  deposit(): void {
    this.#add(this.#options.ratio)
  }

  /** Whether there may be a further attempt now. */
  withdraw(): boolean {
    this.#payMinimum()
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  #payMinimum(): void {
    const now = this.#clock.elapsed()
    this.#add(((now - this.#paid) / 1000) * this.#options.minimum)
    this.#paid = now
  }

  #add(tokens: number): void {
    this.#tokens = Math.min(this.#tokens + tokens, Math.max(least, saved * this.#options.minimum))
  }
}
