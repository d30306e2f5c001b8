import type { Clock, Timer } from '@millrace/core'
import { strained as strainChanged } from './events.ts'
import { type Marks, type Strain, type Strained, strainedAfter, unstrained } from './strain.ts'

/** Tells what share of its time the event loop was busy since it was last asked. */
export type ReadUtilization = () => number

export const systemUtilization = (): ReadUtilization => {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return utilization
  }
}

const interval = 1000

/** Watches the event loop, once a second, between `start` and `stop`. */
export class Load {
  readonly #marks: Marks
  readonly #read: ReadUtilization
  #strained: Strained = unstrained
  #timer: Timer | undefined

  constructor(marks: Marks, read: ReadUtilization) {
    this.#marks = marks
    this.#read = read
  }

  get strain(): Strain {
    return this.#strained.strain
  }

  start(clock: Clock): void {
    if (this.#timer !== undefined) return
    this.#read()
    this.#arm(clock)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#strained = unstrained
  }

  #arm(clock: Clock): void {
    this.#timer = clock.after(interval, () => {
      this.#arm(clock)
      const { strain } = this
      const utilization = this.#read()
      this.#strained = strainedAfter(this.#strained, utilization, this.#marks)
      if (this.strain !== strain && strainChanged.hasSubscribers)
        strainChanged.publish({ strain: this.strain, utilization })
    })
  }
}
