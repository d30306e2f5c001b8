import type { Clock, Deadlines } from '@millrace/core'
import { AdaptiveLimit } from './adaptive-limit.ts'
import type { BulkheadRule } from './bulkhead-rule.ts'
import { Queue } from './queue.ts'

export type BulkheadOptions = Pick<BulkheadRule<never>, 'concurrency' | 'limit' | 'queue' | 'wait'>

/** How it went for one who wanted to get in. Whoever got in has to {@link Bulkhead.leave}. */
export type Entry = 'in' | 'full' | 'late' | 'gone'

/** One who waits. */
class Waiter {
  readonly priority: number
  readonly settle: (entry: Entry) => void

  constructor(priority: number, settle: (entry: Entry) => void) {
    this.priority = priority
    this.settle = settle
  }
}

/** What of the mean one more duration makes. */
const weight = 0.1
/** What who is rejected is told to wait before anything is known, in milliseconds. */
const unknownWait = 1000

/** How much work there may be at once, and who waits for it. Usable without HTTP. */
export class Bulkhead {
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #queue = new Queue<Waiter>()
  #options: BulkheadOptions
  #adaptive: AdaptiveLimit | undefined
  #active = 0
  /** How long work takes, in milliseconds. */
  #mean: number | undefined

  constructor(options: BulkheadOptions, clock: Clock, deadlines: Deadlines) {
    this.#clock = clock
    this.#deadlines = deadlines
    this.#options = options
    this.#adaptive = options.limit && new AdaptiveLimit(clock, options.concurrency, options.limit)
  }

  /** How much work there may be at once, just now. */
  get limit(): number {
    return this.#adaptive?.limit ?? this.#options.concurrency
  }

  get active(): number {
    return this.#active
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** In how many milliseconds there is likely to be a place. */
  get retryAfter(): number {
    return this.#mean === undefined ? unknownWait : (this.#mean * (this.#queue.size + 1)) / this.limit
  }

  /** Other options from now on. Those who are in or wait already stay. What was found out of the limit stays as well. */
  configure(options: BulkheadOptions): void {
    this.#options = options
    if (options.limit === undefined) this.#adaptive = undefined
    else if (this.#adaptive) this.#adaptive.configure(options.limit)
    else this.#adaptive = new AdaptiveLimit(this.#clock, options.concurrency, options.limit)
    this.#letIn()
  }

  /** Gets in if there is a place and nobody waits. */
  tryEnter(): boolean {
    if (this.#active >= this.limit || this.#queue.size > 0) return false
    this.#active++
    return true
  }

  /**
   * Waits for a place.
   *
   * @param watch calls its listener when nobody wants to get in any more, at once where that is so already, and returns
   * what ends the listening
   */
  wait(priority: number, watch: (listener: () => void) => () => void): Promise<Entry> {
    return new Promise((resolve) => {
      if (this.#queue.size >= this.#options.queue) {
        resolve('full')
        return
      }
      const waiter = new Waiter(priority, (entry) => {
        this.#deadlines.end(late)
        unwatch()
        resolve(entry)
      })
      const give = (entry: Entry): void => {
        if (this.#queue.delete(waiter)) waiter.settle(entry)
      }
      const late = this.#deadlines.begin(this.#clock.elapsed() + this.#options.wait, () => give('late'))
      let gone = false
      const unwatch = watch(() => {
        gone = true
        give('gone')
      })
      if (!gone) this.#queue.add(waiter)
      else waiter.settle('gone')
    })
  }

  /** Work has been done in so many milliseconds. Tell it of what was really done, before the place is given back. */
  record(latency: number): void {
    this.#mean = this.#mean === undefined ? latency : this.#mean + weight * (latency - this.#mean)
    this.#adaptive?.record(latency, this.#active)
  }

  /** Gives a place back. */
  leave(): void {
    this.#active--
    this.#letIn()
  }

  #letIn(): void {
    while (this.#active < this.limit) {
      const waiter = this.#queue.take()
      if (waiter === undefined) return
      this.#active++
      waiter.settle('in')
    }
  }
}
