import type { Clock } from '@millrace/core'
import type { CircuitInspection } from './circuit-inspection.ts'
import type { Why } from './events.ts'
import { messageOf } from './message.ts'
import {
  type CircuitPolicy,
  isSameReset,
  isSameWindow,
  judgeProbes,
  openFor,
  type Probed,
  type State,
  type Verdict,
  whyTrip,
} from './policy.ts'
import { type Window, windowOf } from './window.ts'

export interface CircuitOptions {
  /** What tells it from others of its name. Default: empty. */
  readonly key?: string
  readonly clock: Clock
  readonly policy: CircuitPolicy
  /** From 0 to 1, for the jitter. */
  readonly random: () => number
  /** Told of each change, when it has happened. */
  readonly changed?: (circuit: Circuit, from: State, to: State, why: Why) => void
}

const unprobed: Probed = { successes: 0, failures: 0, slow: 0 }

/** What a circuit lets in, as it was asked. 0: nothing. */
export type Permit = number

/**
 * Keeps calls away from what fails. Who is let in by {@link admit} says by {@link settle} how it went.
 *
 * It sets no timer: what time brings about happens when somebody asks next.
 */
export class Circuit {
  readonly key: string
  readonly #clock: Clock
  readonly #random: () => number
  readonly #changed: CircuitOptions['changed']
  #policy: CircuitPolicy
  #phase: 'closed' | 'open' | 'half-open' = 'closed'
  /** By an operator; hides the phase. */
  #forced: 'open' | 'closed' | undefined
  #serial = 1
  /** The permit of all who are let in while it is closed. */
  #generation: Permit = 1
  #window: Window | undefined
  #consecutive = 0
  /** In a row. */
  #trips = 0
  /** By `clock.elapsed()`. */
  #openedAt = 0
  #opensUntil = 0
  /** By `clock.elapsed()`: until when others say that it is open. */
  #outvotedUntil = 0
  /** When each probe that is out has begun; made for the first one. */
  #out: Map<Permit, number> | undefined
  #probed: Probed = unprobed
  #rejected = 0
  #lastError: string | undefined

  constructor({ key = '', clock, policy, random, changed }: CircuitOptions) {
    this.key = key
    this.#clock = clock
    this.#policy = policy
    this.#random = random
    this.#changed = changed
  }

  get state(): State {
    if (this.#forced !== undefined) return 'isolated'
    this.#follow(this.#clock.elapsed())
    return this.#phase
  }

  /** Milliseconds until it may let somebody in; undefined where nobody can tell, 0 where it does now. */
  get retryAfter(): number | undefined {
    const left = this.#left
    return left === Number.POSITIVE_INFINITY ? undefined : left
  }

  /** The permit of what was let in while it was closed, for what happens after a verdict. */
  get generation(): Permit {
    return this.#generation
  }

  /** @returns 0 for no; else what {@link settle} takes, once */
  admit(): Permit {
    if (this.#phase === 'closed' && this.#forced === undefined) return this.#generation
    if (this.#forced !== undefined) return this.#forced === 'closed' ? this.#generation : this.#reject()
    const now = this.#clock.elapsed()
    this.#follow(now)
    // A probe that was never heard of may just have closed or opened it.
    if (this.#phase === 'closed') return this.#generation
    if (this.#phase === 'open' || !this.#hasRoom) return this.#reject()
    const permit = ++this.#serial
    this.#out ??= new Map()
    this.#out.set(permit, now)
    return permit
  }

  /**
   * How it went. What was let in before the last change of state changes nothing any more.
   *
   * @param verdict `begun`: well so far, which counts as a success until {@link end} says more
   * @param duration milliseconds; counts where the policy knows slow calls
   * @param error what is shown as the last one, of a failure
   */
  settle(permit: Permit, verdict: Verdict | 'begun', duration: number, error?: unknown): void {
    if (permit === this.#generation) {
      if (this.#phase !== 'closed' || this.#forced !== undefined || verdict === 'ignored') return
      this.#count(verdict, this.#isSlow(duration), error)
      return
    }
    if (!this.#out?.has(permit)) return
    const now = this.#clock.elapsed()
    this.#follow(now)
    if (!this.#out?.delete(permit) || verdict === 'ignored') return
    if (verdict === 'failure') this.#lastError = messageOf(error)
    this.#probe(verdict === 'failure', this.#isSlow(duration))
    this.#judge(now)
  }

  /**
   * How it ended, of what had begun well in that {@link generation}: a failure takes the place of the success.
   *
   * @param error undefined where it ended well
   */
  end(generation: Permit, error: unknown): void {
    if (generation !== this.#generation || this.#phase !== 'closed' || this.#forced !== undefined) return
    if (error === undefined) this.#consecutive = 0
    else {
      const now = this.#clock.elapsed()
      this.#counted(now).spoil(now)
      this.#failed(error, now)
    }
  }

  /** For how many milliseconds more it is open by what happened here; 0 where it is not, or an operator decides. */
  get ownTrip(): number {
    return this.#phase === 'open' && this.#forced === undefined
      ? Math.max(0, this.#opensUntil - this.#clock.elapsed())
      : 0
  }

  /**
   * Other processes have opened it, or, by 0, do so no longer. After that it tries, as after a trip of its own; its back-off
   * does not grow. Nothing where an operator decides.
   *
   * @param left milliseconds
   */
  outvote(left: number): void {
    if (this.#forced !== undefined) return
    const now = this.#clock.elapsed()
    this.#follow(now)
    this.#outvotedUntil = now + left
    if (left === 0 || this.#phase === 'open') return
    this.#change('votes', () => {
      this.#phase = 'open'
      this.#openedAt = now
      this.#opensUntil = Number.NEGATIVE_INFINITY
    })
  }

  /** Lets in nobody, or everybody, whatever happens, until {@link release}. */
  isolate(way: 'open' | 'closed'): void {
    this.#change('operator', () => {
      this.#forced = way
    })
  }

  /** Ends {@link isolate}: it goes on in the state that it was in. */
  release(): void {
    if (this.#forced === undefined) return
    this.#change('operator', () => {
      this.#forced = undefined
    })
  }

  /** Closed and as good as new. */
  reset(): void {
    this.#change('operator', () => {
      this.#forced = undefined
      this.#close()
    })
  }

  /** Goes on in its state, and with what it has counted where that is counted in the same way. */
  configure(policy: CircuitPolicy): void {
    const { trip, reset } = this.#policy
    this.#policy = policy
    if (!isSameWindow(trip.window, policy.trip.window)) this.#window = undefined
    // One that the others have opened has no time of its own to wait.
    const isOwn = this.#phase === 'open' && this.#opensUntil >= this.#openedAt
    if (isOwn && !isSameReset(reset, policy.reset)) this.#wait()
    if (this.#phase === 'half-open') this.#judge(this.#clock.elapsed())
  }

  /** Plain data. */
  inspect(): CircuitInspection {
    const { state, retryAfter } = this
    this.#window?.roll(this.#clock.elapsed())
    const { total = 0, failures = 0, slow = 0 } = this.#window ?? {}
    return {
      state,
      ...(this.#forced && { forced: this.#forced }),
      window: { total, failures, slow },
      consecutive: this.#consecutive,
      rejected: this.#rejected,
      trips: this.#trips,
      ...(state === 'half-open' && { probes: { out: this.#out?.size ?? 0, ...this.#probed } }),
      ...(retryAfter !== 0 && retryAfter !== undefined && { nextAttempt: this.#clock.now() + retryAfter }),
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
    }
  }

  /** The same, Infinity where nobody can tell. */
  get #left(): number {
    const { state } = this
    const now = this.#clock.elapsed()
    if (state === 'isolated') return this.#forced === 'open' ? Number.POSITIVE_INFINITY : 0
    if (state === 'open') return this.#closedTo - now
    if (state === 'closed' || this.#hasRoom) return 0
    // The probes that are out may decide it at any time.
    return Math.min(this.#policy.reset.after, this.#nextExpiry - now)
  }

  /** Until when nobody is let in while it is open. */
  get #closedTo(): number {
    return Math.max(this.#opensUntil, this.#outvotedUntil)
  }

  get #hasRoom(): boolean {
    const { successes, failures } = this.#probed
    return (this.#out?.size ?? 0) + successes + failures < this.#policy.probes.count
  }

  /** When the oldest probe that is out is given up. */
  get #nextExpiry(): number {
    const [began = 0] = this.#out?.values() ?? []
    return began + this.#policy.probes.within
  }

  #reject(): Permit {
    this.#rejected++
    return 0
  }

  /** Does what time has brought about, as of when it did. */
  #follow(now: number): void {
    while (this.#out !== undefined && this.#out.size > 0 && now >= this.#nextExpiry) {
      const expired = this.#nextExpiry
      const [permit = 0] = this.#out.keys()
      this.#out.delete(permit)
      this.#probe(true, true)
      this.#judge(expired)
    }
    if (this.#phase === 'open' && now >= this.#closedTo) this.#halfOpen()
  }

  #isSlow(duration: number): boolean {
    const { slow } = this.#policy.trip
    return slow !== undefined && duration >= slow
  }

  #count(verdict: Verdict | 'begun', slow: boolean, error: unknown): void {
    const now = this.#clock.elapsed()
    const isFailure = verdict === 'failure'
    this.#counted(now).add(isFailure, slow, now)
    if (isFailure) this.#failed(error, now)
    else {
      if (verdict === 'success') this.#consecutive = 0
      this.#trip(now)
    }
  }

  #failed(error: unknown, now: number): void {
    this.#consecutive++
    this.#lastError = messageOf(error)
    this.#trip(now)
  }

  #counted(now: number): Window {
    this.#window ??= windowOf(this.#policy.trip.window, now)
    return this.#window
  }

  #trip(now: number): void {
    const why = whyTrip(this.#policy.trip, this.#counted(now), this.#consecutive)
    if (why !== undefined) this.#open(why, now)
  }

  #probe(failed: boolean, slow: boolean): void {
    const { successes, failures, slow: sluggish } = this.#probed
    this.#probed = {
      successes: successes + (failed ? 0 : 1),
      failures: failures + (failed ? 1 : 0),
      slow: sluggish + (slow ? 1 : 0),
    }
  }

  #judge(now: number): void {
    const verdict = judgeProbes(this.#policy, this.#probed)
    if (verdict === 'open') this.#open('probe', now)
    else if (verdict === 'closed') this.#change('probe', () => this.#close())
  }

  #open(why: Why, now: number): void {
    this.#change(why, () => {
      this.#phase = 'open'
      this.#trips++
      this.#openedAt = now
      this.#wait()
    })
  }

  #wait(): void {
    this.#opensUntil = this.#openedAt + openFor(this.#policy.reset, this.#trips, this.#random())
  }

  #halfOpen(): void {
    this.#change('due', () => {
      this.#phase = 'half-open'
    })
  }

  #close(): void {
    this.#phase = 'closed'
    this.#trips = 0
  }

  /** Whoever was let in before has nothing to say any more. */
  #change(why: Why, change: () => void): void {
    const from = this.#forced === undefined ? this.#phase : 'isolated'
    this.#generation = ++this.#serial
    this.#out = undefined
    this.#window = undefined
    this.#consecutive = 0
    this.#probed = unprobed
    change()
    const to = this.#forced === undefined ? this.#phase : 'isolated'
    if (from !== to) this.#changed?.(this, from, to, why)
  }
}
