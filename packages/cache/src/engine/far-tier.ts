import { type Clock, within } from '@millrace/core'
import { Breaker, type BreakerOptions } from '../breaker.ts'
import { type TierFailed, tierFailed } from '../events.ts'
import type { Tier } from '../tier.ts'

/** When a tier is left alone, and for how long. */
const patience: BreakerOptions = { failures: 5, pause: 2000 }

/** What a call brought; undefined when it failed, was too late, or was not made at all. */
export type Brought<T> = { readonly value: T } | undefined

/** A tier that may fail and hang: nobody waits for it longer than agreed, and one that fails is left alone for a while. */
export class FarTier {
  readonly tier: Tier
  readonly #clock: Clock
  readonly #breaker: Breaker
  #errors = 0

  constructor(tier: Tier, clock: Clock) {
    this.tier = tier
    this.#clock = clock
    this.#breaker = new Breaker(clock, patience)
  }

  get name(): string {
    return this.tier.name
  }

  get errors(): number {
    return this.#errors
  }

  /** Whether it is asked at all now. */
  get open(): boolean {
    return this.#breaker.passable
  }

  async call<T>(
    operation: TierFailed['operation'],
    limit: number,
    work: (tier: Tier) => Promise<T>,
  ): Promise<Brought<T>> {
    if (!this.#breaker.admits()) return undefined
    try {
      const value = await within(this.#clock, limit, work(this.tier), `${this.name} took too long`)
      this.#breaker.succeeded()
      return { value }
    } catch (error) {
      this.#breaker.failed()
      this.fail(operation, error)
      return undefined
    }
  }

  start(): Promise<void> {
    return this.#turn('start')
  }

  stop(): Promise<void> {
    return this.#turn('stop')
  }

  async #turn(way: 'start' | 'stop'): Promise<void> {
    try {
      await this.tier[way]?.()
    } catch (error) {
      this.fail(way, error)
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
