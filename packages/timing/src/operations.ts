import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js'
import { type Clock, systemClock } from '@millrace/core'
import type { CallTimed, Ended } from './events.ts'

/** What is known of all calls of a name. Times in milliseconds. */
export interface Operation {
  readonly count: number
  readonly outcomes: Readonly<Partial<Record<Ended, number>>>
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly latest: number
  /** Calls per second, of late: each counts less the longer ago it was, by half after about 40 seconds. */
  readonly rate: number
  /** What calls took in the last minute or so, as a multiple of what they took in the last quarter of an hour. */
  readonly trend: number
  /** Means of the calls that were sampled: milliseconds of CPU time, and bytes by which the heap grew. */
  readonly used?: { readonly samples: number; readonly cpu: number; readonly memory: number }
}

const mostNames = 1000
const rest = 'other'
/** Quantiles are within this share of the true ones (DDSketch, Masson et al., VLDB 2019), in a bounded number of bins. */
const accuracy = 0.01
const bins = 2048

/** Distributions of calls by name, in bounded memory. */
export class Operations {
  #clock: Clock = systemClock
  readonly #byName = new Map<string, Distribution>()

  use(clock: Clock): void {
    this.#clock = clock
  }

  record(event: CallTimed): void {
    let known = this.#byName.get(event.name)
    if (known === undefined) {
      const name = this.#byName.size < mostNames ? event.name : rest
      known = this.#byName.get(name) ?? new Distribution()
      this.#byName.set(name, known)
    }
    known.record(event, this.#clock.elapsed())
  }

  inspect(): Readonly<Record<string, Operation>> {
    const now = this.#clock.elapsed()
    return Object.fromEntries([...this.#byName].map(([name, known]) => [name, known.inspect(now)]))
  }
}

class Distribution {
  readonly #sketch = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: accuracy, binLimit: bins })
  readonly #outcomes: Partial<Record<Ended, number>> = {}
  readonly #minute = new Decaying(60_000)
  readonly #quarter = new Decaying(900_000)
  #latest = 0
  #samples = 0
  #cpu = 0
  #memory = 0

  record({ total, outcome, used }: CallTimed, now: number): void {
    this.#sketch.accept(total)
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
    this.#minute.add(total, now)
    this.#quarter.add(total, now)
    this.#latest = total
    if (used === undefined) return
    this.#samples++
    this.#cpu += used.cpu
    this.#memory += used.memory
  }

  inspect(now: number): Operation {
    const sketch = this.#sketch
    const samples = this.#samples
    return {
      count: sketch.count,
      outcomes: { ...this.#outcomes },
      min: sketch.min,
      max: sketch.max,
      mean: sketch.sum / sketch.count,
      p50: sketch.getValueAtQuantile(0.5),
      p95: sketch.getValueAtQuantile(0.95),
      p99: sketch.getValueAtQuantile(0.99),
      latest: this.#latest,
      rate: this.#minute.rate(now),
      trend: this.#minute.mean / this.#quarter.mean,
      ...(samples > 0 && {
        used: { samples, cpu: this.#cpu / samples, memory: this.#memory / samples },
      }),
    }
  }
}

/** A count and a sum that forget: what was `span` milliseconds ago counts for 1/e. */
class Decaying {
  readonly #span: number
  #count = 0
  #sum = 0
  #at = 0

  constructor(span: number) {
    this.#span = span
  }

  add(value: number, now: number): void {
    const kept = this.#kept(now)
    this.#count = this.#count * kept + 1
    this.#sum = this.#sum * kept + value
    this.#at = now
  }

  get mean(): number {
    return this.#sum / this.#count
  }

  /** Per second. */
  rate(now: number): number {
    return (this.#count * this.#kept(now) * 1000) / this.#span
  }

  #kept(now: number): number {
    return Math.exp((this.#at - now) / this.#span)
  }
}
