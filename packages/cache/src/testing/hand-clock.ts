import type { Clock, Timer } from '@millrace/core'

interface Alarm {
  readonly at: number
  readonly task: () => void
}

/** A clock that a contract moves by hand. */
export class HandClock implements Clock {
  #time = Date.UTC(2026, 0, 1)
  readonly #alarms = new Set<Alarm>()

  now(): number {
    return this.#time
  }

  elapsed(): number {
    return this.#time
  }

  after(delay: number, task: () => void): Timer {
    const alarm: Alarm = { at: this.#time + delay, task }
    this.#alarms.add(alarm)
    return { cancel: () => void this.#alarms.delete(alarm) }
  }

  /** What is due is called in the order it was set. */
  move(ms: number): void {
    this.#time += ms
    for (const alarm of this.#alarms) {
      if (alarm.at > this.#time) continue
      this.#alarms.delete(alarm)
      alarm.task()
    }
  }
}
