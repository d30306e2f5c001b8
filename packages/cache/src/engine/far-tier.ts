import { type Clock, within } from '@millrace/core'
import { type TierFailed, tierFailed } from '../events.ts'
import type { Tier } from '../tier.ts'

/** How many failures in a row make a tier left alone, and for how long. */
const enough = 5
const rest = 2000

/** What a call brought; undefined when it failed, was too late, or was not made at all. */
export type Brought<T> = { readonly value: T } | undefined

/** A tier that may fail and hang: nobody waits for it longer than agreed, and one that fails is left alone for a while. */
export class FarTier {
  readonly tier: Tier
  readonly #clock: Clock
  #failures = 0
  #errors = 0
  #closedUntil = 0
  #probing = false

  constructor(tier: Tier, clock: Clock) {
    this.tier = tier
    this.#clock = clock
  }

  get name(): string {
    return this.tier.name
  }

  get errors(): number {
    return this.#errors
  }

  /** Whether it is asked at all now. */
  get open(): boolean {
    return this.#failures < enough || (!this.#probing && this.#clock.elapsed() >= this.#closedUntil)
  }

  async call<T>(
    operation: TierFailed['operation'],
    limit: number,
    work: (tier: Tier) => Promise<T>,
  ): Promise<Brought<T>> {
    if (!this.open) return undefined
    const probe = this.#failures >= enough
    if (probe) this.#probing = true
    try {
      const value = await within(this.#clock, limit, work(this.tier), `${this.name} took too long`)
      this.#failures = 0
      return { value }
    } catch (error) {
      this.#failures++
      if (this.#failures >= enough) this.#closedUntil = this.#clock.elapsed() + rest
      this.fail(operation, error)
      return undefined
    } finally {
      if (probe) this.#probing = false
    }
  }

  fail(operation: TierFailed['operation'], error: unknown): void {
    this.#errors++
    if (tierFailed.hasSubscribers) tierFailed.publish({ tier: this.name, operation, error })
  }

  inspect(): unknown {
    return { errors: this.#errors, open: this.open, ...(this.tier.inspect && { tier: this.tier.inspect() }) }
  }
}
