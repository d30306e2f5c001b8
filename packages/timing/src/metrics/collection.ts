import { type Metric, type RecordValue, type StateMetric, warn } from '@millrace/core'
import { Histograms, Values } from './family.ts'
import type { Exemplar } from './series.ts'

/** The trace that a value belongs to, where it is recorded. */
export type Tracing = () => { readonly traceId: string; readonly spanId: string } | undefined

/** One metric, and how it comes to its values. */
interface Source {
  readonly family: Values | Histograms
  readonly watch: () => () => void
  /** For a metric that is asked. */
  readonly refresh: () => void
}

/** Metrics of plugins, kept while somebody listens. */
export class Collection {
  readonly #sources: Source[] = []
  readonly #mostSeries: number
  readonly #traced: Tracing
  readonly #now: () => number
  #ends: readonly (() => void)[] = []

  constructor(mostSeries: number, traced: Tracing, now: () => number) {
    this.#mostSeries = mostSeries
    this.#traced = traced
    this.#now = now
  }

  get sources(): readonly Source[] {
    return this.#sources
  }

  /** The first metric of a name counts. */
  add(metrics: Iterable<Metric>): void {
    for (const metric of metrics) {
      if (this.#sources.some(({ family }) => family.name === metric.name)) continue
      this.#sources.push('watch' in metric ? this.#watched(metric) : this.#asked(metric))
    }
  }

  start(): void {
    if (this.#ends.length === 0) this.#ends = this.#sources.map(({ watch }) => watch())
  }

  stop(): void {
    for (const end of this.#ends) end()
    this.#ends = []
  }

  #watched(metric: Exclude<Metric, StateMetric>): Source {
    if (metric.kind === 'histogram') {
      const family = new Histograms(metric, this.#mostSeries, overflowing)
      const record: RecordValue = (labels, value, buckets) => {
        family.observe(labels, value, buckets, this.#exemplar(value))
      }
      return { family, watch: () => metric.watch(record), refresh: nothing }
    }
    const family = new Values({ ...metric, kind: metric.kind }, this.#mostSeries, overflowing)
    const record: RecordValue = (labels, value) => {
      family.add(labels, value, this.#exemplar(value))
    }
    return { family, watch: () => metric.watch(record), refresh: nothing }
  }

  #asked(metric: StateMetric): Source {
    const family = new Values(metric, this.#mostSeries, overflowing)
    const record: RecordValue = (labels, value) => {
      if (!Number.isNaN(value)) family.add(labels, value)
    }
    const refresh = (): void => {
      family.clear()
      metric.read(record)
    }
    return { family, watch: () => metric.open?.() ?? nothing, refresh }
  }

  #exemplar(value: number): Exemplar | undefined {
    const trace = this.#traced()
    return trace && { traceId: trace.traceId, spanId: trace.spanId, value, at: this.#now() }
  }
}

const overflowing = (name: string): void =>
  warn({
    code: 'MILLRACE_METRICS_OVERFLOW',
    message:
      `the metric ${name} has too many series; further label values are counted as "other". ` +
      'Look for a label that takes its values from requests.',
  })

const nothing = (): void => undefined
