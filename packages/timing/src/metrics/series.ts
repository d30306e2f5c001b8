/** A sampled trace in which a value was observed (OpenMetrics 1.0, exemplars). */
export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly value: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** A value that goes up or stands. */
export class Value {
  readonly labels: readonly string[]
  /** As they are written. */
  readonly text: string
  value = 0
  exemplar: Exemplar | undefined

  constructor(labels: readonly string[], text: string) {
    this.labels = labels
    this.text = text
  }
}

/** How many values there were up to each bound. */
export class Buckets {
  readonly labels: readonly string[]
  /** As they are written. */
  readonly text: string
  /** Upper bounds, ascending; the last bucket, without a bound, is not among them. */
  readonly bounds: readonly number[]
  /** One more than bounds; each for itself. */
  readonly counts: Float64Array
  readonly exemplars: (Exemplar | undefined)[]
  sum = 0
  count = 0

  constructor(labels: readonly string[], text: string, bounds: readonly number[]) {
    this.labels = labels
    this.text = text
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
    this.exemplars = new Array(bounds.length + 1).fill(undefined)
  }

  /** @returns the bucket that it fell into */
  observe(value: number): number {
    const { bounds, counts } = this
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++
    counts[bucket] = (counts[bucket] ?? 0) + 1
    this.sum += value
    this.count++
    return bucket
  }
}
