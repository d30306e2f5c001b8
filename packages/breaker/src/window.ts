import type { Counts, Trip } from './policy.ts'

/** The outcomes that count: those of some time, or the last so many. Takes room once, however much goes by. */
export interface Window extends Counts {
  /** @param now by `clock.elapsed()`: never less than before */
  add(failed: boolean, slow: boolean, now: number): void
  /** One of the successes was a failure. */
  spoil(now: number): void
  /** Lets go of what is too old. */
  roll(now: number): void
}

export const windowOf = (window: Trip['window'], now: number): Window =>
  typeof window === 'number' ? new TimeWindow(window, now) : new CountWindow(window.calls)

/** In how many steps outcomes grow too old. */
const slices = 10
/** What is counted of a slice: all, failures, slow ones. */
const kinds = 3

/** The outcomes of the last milliseconds, by slices of a tenth. */
class TimeWindow implements Window {
  total = 0
  failures = 0
  slow = 0
  readonly #width: number
  readonly #counts: number[] = new Array<number>(slices * kinds).fill(0)
  /** The number of the present slice since the clock's start. */
  #slice: number

  constructor(length: number, now: number) {
    this.#width = length / slices
    this.#slice = Math.floor(now / this.#width)
  }

  add(failed: boolean, slow: boolean, now: number): void {
    this.roll(now)
    const at = (this.#slice % slices) * kinds
    this.total++
    this.#change(at, 1)
    if (failed) {
      this.failures++
      this.#change(at + 1, 1)
    }
    if (slow) {
      this.slow++
      this.#change(at + 2, 1)
    }
  }

  spoil(now: number): void {
    this.roll(now)
    // The success may have grown too old.
    if (this.failures === this.total) this.add(true, false, now)
    else {
      this.failures++
      this.#change((this.#slice % slices) * kinds + 1, 1)
    }
  }

  roll(now: number): void {
    const slice = Math.floor(now / this.#width)
    if (slice <= this.#slice) return
    const first = Math.max(this.#slice + 1, slice - slices + 1)
    this.#slice = slice
    if (this.total === 0) return
    for (let each = first; each <= slice; each++) this.#forget((each % slices) * kinds)
  }

  #forget(at: number): void {
    const [total = 0, failures = 0, slow = 0] = this.#counts.slice(at, at + kinds)
    this.total -= total
    this.failures -= failures
    this.slow -= slow
    this.#counts.fill(0, at, at + kinds)
  }

  #change(at: number, by: number): void {
    this.#counts[at] = (this.#counts[at] ?? 0) + by
  }
}

const failedBit = 1
const slowBit = 2

/** The last outcomes. */
class CountWindow implements Window {
  total = 0
  failures = 0
  slow = 0
  readonly #outcomes: Uint8Array
  #next = 0

  constructor(calls: number) {
    this.#outcomes = new Uint8Array(calls)
  }

  add(failed: boolean, slow: boolean): void {
    const oldest = this.#outcomes[this.#next] ?? 0
    if (this.total < this.#outcomes.length) this.total++
    else this.#change(oldest, -1)
    const outcome = (failed ? failedBit : 0) | (slow ? slowBit : 0)
    this.#change(outcome, 1)
    this.#outcomes[this.#next] = outcome
    this.#next = (this.#next + 1) % this.#outcomes.length
  }

  spoil(): void {
    // The latest success: nobody knows which one it was.
    for (let back = 1; back <= this.total; back++) {
      const at = (this.#next - back + this.#outcomes.length) % this.#outcomes.length
      const outcome = this.#outcomes[at] ?? 0
      if (outcome & failedBit) continue
      this.#outcomes[at] = outcome | failedBit
      this.failures++
      return
    }
    this.add(true, false)
  }

  roll(): void {}

  #change(outcome: number, by: number): void {
    if (outcome & failedBit) this.failures += by
    if (outcome & slowBit) this.slow += by
  }
}
