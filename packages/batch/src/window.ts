import type { Clock, Timer } from '@millrace/core'
import { AdaptiveWindow, type WindowBounds } from './policy.ts'

/** When the first of a batch no longer waits for others: a number is milliseconds. */
export type Length = 'tick' | 'turn' | number

/**
 * - `tick`: when every promise that can settle without I/O has, as DataLoader does
 * - `turn`: after the I/O of this turn of the event loop, so that requests that came together go together
 */
export class Window {
  readonly #clock: Clock
  /** Whether what is full may as well wait for the end: it is near. */
  readonly isShort: boolean
  readonly #length: Length | AdaptiveWindow

  constructor(length: Length | WindowBounds, clock: Clock) {
    this.#length = typeof length === 'object' ? new AdaptiveWindow(length) : length
    this.#clock = clock
    this.isShort = typeof length === 'string'
  }

  get length(): Length {
    return typeof this.#length === 'object' ? this.#length.length : this.#length
  }

  /** Calls `close` once, when it is over. */
  open(close: () => void): Timer {
    const { length } = this
    return typeof length === 'number' ? this.#clock.after(length, close, true) : new Soon(length, close)
  }

  /** @see AdaptiveWindow.record */
  record(latency: number, isFull: boolean): void {
    if (typeof this.#length === 'object') this.#length.record(latency, isFull)
  }
}

/** Within this turn of the event loop. */
export class Soon implements Timer {
  #task: (() => void) | undefined

  constructor(when: 'tick' | 'turn', task: () => void) {
    this.#task = task
    if (when === 'turn') setImmediate(() => this.#run())
    // The queue of ticks comes after that of promises, and what a tick is asked for in a promise's turn is after all of them.
    else void resolved.then(() => process.nextTick(() => this.#run()))
  }

  cancel(): void {
    this.#task = undefined
  }

  #run(): void {
    const task = this.#task
    this.#task = undefined
    task?.()
  }
}

const resolved = Promise.resolve()
