import type { Clock, Timer } from './clock.ts'

/** One of {@link Deadlines}. */
export class Wait {
  /** By `clock.elapsed()`. */
  readonly until: number
  /** Undefined when it has ended. */
  late: (() => void) | undefined

  constructor(until: number, late: () => void) {
    this.until = until
    this.late = late
  }
}

/**
 * The deadlines of many calls, with one timer: a timer for each would be much of what a quick call costs. When nothing is
 * waited for, it stays until it rings, as to set it again for the next call would cost as much.
 */
export class Deadlines {
  readonly #clock: Clock
  #waits: Wait[] = []
  #open = 0
  #timer: Timer | undefined
  /** When the timer rings. */
  #next = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `late` when it is `until`, by `clock.elapsed()`.
   *
   * @returns what {@link end} takes
   */
  begin(until: number, late: () => void): Wait {
    const wait = new Wait(until, late)
    // Most have ended: they are let go of when they are as many as those that have not.
    if (this.#waits.length > 64 && this.#waits.length > 2 * this.#open) this.#tidy()
    this.#waits.push(wait)
    this.#open++
    if (until < this.#next) this.#arm(until)
    return wait
  }

  /** @returns whether it was in time; false for all but the first end of a wait */
  end(wait: Wait): boolean {
    if (wait.late === undefined) return false
    wait.late = undefined
    this.#open--
    if (this.#open === 0) this.#waits.length = 0
    return true
  }

  #tidy(): void {
    this.#waits = this.#waits.filter(({ late }) => late !== undefined)
  }

  #arm(next: number): void {
    this.#timer?.cancel()
    this.#next = next
    // A wait may have been due since before the timer could ring. Timers know whole milliseconds: one that is cut off rings
    // in vain.
    const delay = Math.ceil(Math.max(0, next - this.#clock.elapsed()))
    this.#timer = next === Number.POSITIVE_INFINITY ? undefined : this.#clock.after(delay, this.#ring)
  }

  readonly #ring = (): void => {
    const now = this.#clock.elapsed()
    this.#tidy()
    const due = this.#waits.filter(({ until }) => until <= now)
    this.#waits = this.#waits.filter(({ until }) => until > now)
    this.#arm(this.#waits.reduce((next, { until }) => Math.min(next, until), Number.POSITIVE_INFINITY))
    for (const wait of due) {
      const { late } = wait
      if (this.end(wait)) late?.()
    }
  }
}
