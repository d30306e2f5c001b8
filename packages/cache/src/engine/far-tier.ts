import { type Clock, DeadlineError, Deadlines } from '@millrace/core'
import { Breaker, type BreakerOptions } from '../breaker.ts'
import { type TierFailed, tierCalled, tierFailed } from '../events.ts'
import type { Tier } from '../tier.ts'
import { turnPart } from './part.ts'

/** When a tier is left alone, and for how long. */
const patience: BreakerOptions = { failures: 5, pause: 1000 }

/** What a call brought. */
export class Brought<T> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }
}

/** A tier that may fail and hang: nobody waits for it longer than agreed, and one that fails is left alone for a while. */
export class FarTier {
  readonly tier: Tier
  /** Whether it holds what memory lets go of, and nothing else. */
  readonly isVictim: boolean
  readonly #clock: Clock
  readonly #breaker: Breaker
  readonly #deadlines: Deadlines
  #errors = 0

  constructor(tier: Tier, clock: Clock, isVictim: boolean) {
    this.tier = tier
    this.isVictim = isVictim
    this.#clock = clock
    this.#breaker = new Breaker(clock, patience)
    this.#deadlines = new Deadlines(clock)
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

  /**
   * One promise and no timer of its own, as every hit beyond memory comes by here.
   *
   * @returns undefined when it failed, was too late, or was not made at all
   */
  call<T>(
    operation: TierFailed['operation'],
    limit: number,
    work: (tier: Tier) => Promise<T>,
  ): Promise<Brought<T> | undefined> {
    if (!this.#breaker.admits()) return Promise.resolve(undefined)
    const began = this.#clock.elapsed()
    return new Promise((resolve) => {
      const failed = (error: unknown): void => {
        // Only one that lets its callers wait is left alone: a refusal costs nobody time, and may be for this key alone.
        if (this.#clock.elapsed() - began < limit / 2) this.#breaker.succeeded()
        else this.#breaker.failed()
        this.#tell(operation, began, true)
        this.fail(operation, error)
        resolve(undefined)
      }
      const wait = this.#deadlines.begin(began + limit, () =>
        failed(new DeadlineError(`${this.name} took too long`)),
      )
      const succeeded = (value: T): void => {
        if (!this.#deadlines.end(wait)) return
        this.#breaker.succeeded()
        this.#tell(operation, began, false)
        resolve(new Brought(value))
      }
      const refused = (error: unknown): void => {
        if (this.#deadlines.end(wait)) failed(error)
      }
      try {
        work(this.tier).then(succeeded, refused)
      } catch (error) {
        refused(error)
      }
    })
  }

  /** Starts or stops it, within a deadline. */
  turn(way: 'start' | 'stop'): Promise<void> {
    const { tier } = this
    const fail = (operation: TierFailed['operation'], error: unknown): void => this.fail(operation, error)
    return turnPart(this.#clock, this.name, way, async () => tier[way]?.(), fail)
  }

  fail(operation: TierFailed['operation'], error: unknown): void {
    this.#errors++
    if (tierFailed.hasSubscribers) tierFailed.publish({ tier: this.name, operation, error })
  }

  #tell(operation: TierFailed['operation'], began: number, failed: boolean): void {
    if (!tierCalled.hasSubscribers) return
    tierCalled.publish({ tier: this.name, operation, duration: this.#clock.elapsed() - began, failed })
  }

  inspect(): unknown {
    return { errors: this.#errors, open: this.open, ...(this.tier.inspect && { tier: this.tier.inspect() }) }
  }
}
