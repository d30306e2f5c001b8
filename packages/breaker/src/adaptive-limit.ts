import type { Clock } from '@millrace/core'
import { type Bounds, type Gradient, gradientStep, startAt } from './gradient.ts'

/** A step is made of so many samples at least, and of so long a time, in milliseconds. */
const samples = 10
const window = 100

/** How much work there may be at once, found out by how long it takes. */
export class AdaptiveLimit {
  readonly #clock: Clock
  #bounds: Bounds
  #gradient: Gradient
  #count = 0
  #sum = 0
  #most = 0
  /** By `clock.elapsed()`: when the step began. */
  #began: number

  constructor(clock: Clock, start: number, bounds: Bounds) {
    this.#clock = clock
    this.#bounds = bounds
    this.#gradient = startAt(start)
    this.#began = clock.elapsed()
  }

  get limit(): number {
    return Math.floor(this.#gradient.limit)
  }

  /** Other bounds from now on. */
  configure(bounds: Bounds): void {
    this.#bounds = bounds
    const limit = Math.max(bounds.min, Math.min(bounds.max, this.#gradient.limit))
    this.#gradient = { ...this.#gradient, limit }
  }

  /**
   * @param latency milliseconds
   * @param active how much work there was when it ended, itself among it
   */
  record(latency: number, active: number): void {
    this.#count++
    this.#sum += latency
    this.#most = Math.max(this.#most, active)
    if (this.#count < samples) return
    const now = this.#clock.elapsed()
    if (now - this.#began < window) return
    const sample = { latency: this.#sum / this.#count, active: this.#most }
    this.#gradient = gradientStep(this.#gradient, sample, this.#bounds)
    this.#count = 0
    this.#sum = 0
    this.#most = 0
    this.#began = now
  }
}
