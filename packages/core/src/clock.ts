/** A timer that has been set. */
export interface Timer {
  cancel(): void
}

/** Where time comes from. Tests give a virtual one. */
export interface Clock {
  /** Milliseconds since 1970, for what leaves the process or is stored. */
  now(): number
  /** Milliseconds from an arbitrary start that never goes backwards, for durations. */
  elapsed(): number
  /**
   * Calls `task` once, `delay` milliseconds from now (any length; `Infinity` never).
   *
   * @param isAwaited whether the process is to stay alive for it, because somebody waits for what comes of it. Default false
   */
  after(delay: number, task: () => void, isAwaited?: boolean): Timer
}

/** The longest delay that a Node timer holds; longer ones fire at once (24.8 days). */
const longest = 2 ** 31 - 1

class SystemTimer implements Timer {
  readonly #isAwaited: boolean
  #handle: NodeJS.Timeout | undefined

  constructor(delay: number, task: () => void, isAwaited: boolean) {
    this.#isAwaited = isAwaited
    if (delay !== Number.POSITIVE_INFINITY) this.#arm(delay, task)
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }

  #arm(delay: number, task: () => void): void {
    if (delay <= longest) this.#handle = setTimeout(task, delay)
    else this.#handle = setTimeout(() => this.#arm(delay - longest, task), longest)
    if (!this.#isAwaited) this.#handle.unref()
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (delay, task, isAwaited = false) => new SystemTimer(delay, task, isAwaited),
}
