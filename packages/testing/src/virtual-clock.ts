import type { Clock, Timer } from '@millrace/core'

interface Alarm {
  readonly at: number
  readonly task: () => void
}

/** A clock that stands until it is moved. */
export class VirtualClock implements Clock {
  readonly #began: number
  readonly #alarms = new Set<Alarm>()
  #time: number

  /** @param began milliseconds since 1970; default 2026-01-01. */
  constructor(began: number = Date.UTC(2026, 0, 1)) {
    this.#began = began
    this.#time = began
  }

  /** How many timers are set and not yet due: none should be left when nothing is going on. */
  get pending(): number {
    return this.#alarms.size
  }

  now(): number {
    return this.#time
  }

  elapsed(): number {
    return this.#time - this.#began
  }

  after(delay: number, task: () => void): Timer {
    const alarm: Alarm = { at: this.#time + delay, task }
    this.#alarms.add(alarm)
    return { cancel: () => void this.#alarms.delete(alarm) }
  }

  /** Moves on by `ms`, calling what becomes due in order, and lets promises settle before and after each call. */
  async advance(ms: number): Promise<void> {
    const until = this.#time + ms
    await settled()
    for (let due = this.#next(until); due; due = this.#next(until)) {
      this.#alarms.delete(due)
      this.#time = due.at
      due.task()
      await settled()
    }
    this.#time = until
  }

  #next(until: number): Alarm | undefined {
    let next: Alarm | undefined
    for (const alarm of this.#alarms) if (alarm.at <= until && (!next || alarm.at < next.at)) next = alarm
    return next
  }
}

/** After every promise that can settle without I/O or time has. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
