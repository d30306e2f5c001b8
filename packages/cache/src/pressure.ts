import { type Clock, systemClock, type Timer } from '@millrace/core'
import { type MemoryReader, systemMemory } from './memory-reader.ts'
import { defaultMarks, judge, type Marks, noStrain, type Strain, shareOf } from './pressure-policy.ts'

export interface PressureOptions {
  readonly marks?: Marks
  /** Milliseconds between readings. Default 1000. */
  readonly interval?: number
  readonly reader?: MemoryReader
  readonly clock?: Clock
}

/** Told when memory is to be freed, with the bytes that are too many in all. */
export type Relieve = (excess: number) => void

/** Says when memory runs short, for as long as somebody listens. */
export interface Pressure {
  /** From the high mark until the low one: nothing is to be let in. */
  readonly isOn: boolean
  /** @returns what ends it */
  subscribe(relieve: Relieve): () => void
  /** Says that so many bytes are about to be kept. A loop that never waits is not outrun by the clock that way. */
  allocate(bytes: number): void
  /** Takes a reading now. */
  sample(): void
  inspect(): unknown
}

/** So many readings are taken while as much as the smallest limit is written. */
const readingsEach = 64

/** @throws RangeError when the marks or the interval make no sense */
export const pressure = (options: PressureOptions = {}): Pressure => new Watcher(options)

class Watcher implements Pressure {
  readonly #marks: Marks
  readonly #interval: number
  readonly #reader: MemoryReader
  readonly #clock: Clock
  readonly #listeners = new Set<{ readonly relieve: Relieve }>()
  #timer: Timer | undefined
  #strain: Strain = noStrain
  #share = 0
  #reliefs = 0
  /** Bytes that may be written before the next reading. */
  #allowance = 0

  constructor({
    marks = defaultMarks,
    interval = 1000,
    reader = systemMemory(),
    clock = systemClock,
  }: PressureOptions) {
    if (!(marks.low > 0 && marks.low < marks.high && marks.high <= 1)) {
      throw new RangeError(
        `pressure({ marks }): expected 0 < low < high <= 1, got low ${marks.low}, high ${marks.high}`,
      )
    }
    if (!(interval > 0)) {
      throw new RangeError(`pressure({ interval }): expected milliseconds above 0, got ${interval}`)
    }
    this.#marks = marks
    this.#interval = interval
    this.#reader = reader
    this.#clock = clock
  }

  get isOn(): boolean {
    return this.#strain.isOn
  }

  subscribe(relieve: Relieve): () => void {
    // An object of its own for each, as one function may listen twice.
    const listener = { relieve }
    this.#listeners.add(listener)
    if (this.#timer === undefined) {
      this.#arm()
      this.sample()
    }
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#timer?.cancel()
      this.#timer = undefined
      this.#strain = noStrain
    }
  }

  allocate(bytes: number): void {
    if (this.#timer === undefined) return
    this.#allowance -= bytes
    if (this.#allowance < 0) this.sample()
  }

  sample(): void {
    const levels = this.#reader.read()
    const smallest = Math.min(...levels.map(({ limit }) => limit))
    this.#allowance = Number.isFinite(smallest) ? smallest / readingsEach : Number.POSITIVE_INFINITY
    this.#share = shareOf(levels)
    const { strain, excess } = judge(this.#strain, levels, this.#marks)
    this.#strain = strain
    if (excess === 0) return
    this.#reliefs++
    for (const { relieve } of [...this.#listeners]) relieve(excess)
  }

  inspect(): unknown {
    return { isOn: this.isOn, share: this.#share, marks: this.#marks, reliefs: this.#reliefs }
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#interval, () => {
      this.#arm()
      this.sample()
    })
  }
}

let shared: Pressure | undefined

/** The one of this process: every holder that listens to it is told of the same reading. */
export const sharedPressure = (): Pressure => {
  shared ??= pressure()
  return shared
}
