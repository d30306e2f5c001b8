import type { Tally } from './run.ts'
import type { Length } from './window.ts'

/** What stands now. */
interface Now {
  /** Items that wait to go, and batches that run. */
  readonly waiting: number
  readonly running: number
  /** Items that a batch takes at most, and how long it waits for them (milliseconds), as they are just now. */
  readonly max: number
  readonly window: Length
}

/** What an operator sees of a batcher: what stands now, and counts since it was made. */
export interface Inspected extends Now, Readonly<Tally> {
  readonly batches: number
  /** Of these batches. */
  readonly items: number
  readonly refused: number
}

export class Stats {
  batches = 0
  items = 0
  /** Items that nobody waited for any more when, or before, their batch went. */
  abandoned = 0
  refused = 0
  readonly #all: Tally = { retries: 0, splits: 0, errors: 0, misses: 0, abandoned: 0 }

  add(items: number, tally: Readonly<Tally>): void {
    this.batches++
    this.items += items
    this.#all.retries += tally.retries
    this.#all.splits += tally.splits
    this.#all.errors += tally.errors
    this.#all.misses += tally.misses
    this.abandoned += tally.abandoned
  }

  inspect(now: Now): Inspected {
    const { batches, items, abandoned, refused } = this
    return { ...now, batches, items, ...this.#all, abandoned, refused }
  }
}
