import type { Clock } from '@millrace/core'

/** The least by which two times of one process differ. Exact in binary. */
const step = 1 / 1024

/** How far the clock of another process may be ahead and still be believed. */
const tolerance = 60_000

/**
 * Times that order what happens: each later than the one before, and than every time heard of from other processes, so
 * that what comes after a deletion is never taken for something that it deleted.
 */
export class Stamps {
  readonly #clock: Clock
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  next(): number {
    const now = this.#clock.now()
    this.#last = now > this.#last ? now : this.#last + step
    return this.#last
  }

  /** A time that another process has given. */
  hear(at: number): void {
    if (at > this.#last && at - this.#clock.now() < tolerance) this.#last = at
  }
}
