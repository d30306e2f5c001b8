import type { Clock } from '@millrace/core'

export interface BreakerOptions {
  /** How many failures in a row open it. */
  readonly failures: number
  /** How long nobody tries after that, in milliseconds. Then one call does, and its end decides. */
  readonly pause: number
}

/** Keeps calls away from what fails, and lets one through from time to time to see whether it still does. */
export class Breaker {
  readonly #clock: Clock
  readonly #options: BreakerOptions
  #failures = 0
  /** By `clock.elapsed()`; undefined while closed. */
  #opensAgain: number | undefined
  #probing = false

  constructor(clock: Clock, options: BreakerOptions) {
    this.#clock = clock
    this.#options = options
  }

  get state(): 'closed' | 'open' | 'probing' {
    if (this.#probing) return 'probing'
    return this.#opensAgain === undefined ? 'closed' : 'open'
  }

  /** Whether a call would be let through now. */
  get passable(): boolean {
    return this.#opensAgain === undefined || (!this.#probing && this.#clock.elapsed() >= this.#opensAgain)
  }

  /** Whether a call may go. Each one that went has to end with {@link succeeded} or {@link failed}. */
  admits(): boolean {
    if (!this.passable) return false
    this.#probing = this.#opensAgain !== undefined
    return true
  }

  succeeded(): void {
    this.#failures = 0
    this.#probing = false
    this.#opensAgain = undefined
  }

  failed(): void {
    this.#failures++
    const proven = this.#probing || this.#failures >= this.#options.failures
    this.#probing = false
    if (proven) this.#opensAgain = this.#clock.elapsed() + this.#options.pause
  }

  /** There is reason to believe that it works again: the next call tries. */
  retry(): void {
    if (this.#opensAgain !== undefined) this.#opensAgain = this.#clock.elapsed()
  }
}
