import type { Channel } from './channel.ts'
import type { Exchange } from './exchange.ts'

/**
 * What a plugin's events and its state tell those who watch from outside: metrics, `Server-Timing`, spans. They read it
 * here and need not know the plugin, nor the plugin them.
 */
export interface Telemetry {
  readonly metrics?: readonly Metric[]
  readonly remarks?: readonly Remarks[]
}

/**
 * Takes a value for some label values, in the order of the metric's labels.
 *
 * @param value a metric that is asked may say NaN for nothing
 * @param buckets where these label values have others than the metric's own
 */
export type RecordValue = (labels: readonly string[], value: number, buckets?: readonly number[]) => void

interface Described {
  /** Snake case, with the base unit and, of a counter, `_total`, as Prometheus wants it. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

/** Counts or observes each event of a channel. */
export interface EventMetric extends Described {
  readonly kind: 'counter' | 'histogram'
  /** Upper bounds, of a histogram. */
  readonly buckets?: readonly number[]
  /** @returns what ends it */
  watch(record: RecordValue): () => void
}

/** Is asked what stands when somebody reads. */
export interface StateMetric extends Described {
  readonly kind: 'counter' | 'gauge'
  read(record: RecordValue): void
  /** Begins what it has to do between two readings. @returns what ends it */
  open?(): () => void
}

export type Metric = EventMetric | StateMetric

/** What an event says about one exchange, or about what runs just now. */
export interface Remark {
  /** What did it: `cache`, `cache.load`. */
  readonly name: string
  /** How it went, in a word: `hit`. */
  readonly outcome?: string
  readonly attributes?: Readonly<{ [name: string]: string | number | boolean }>
  /** Milliseconds that it took until now. */
  readonly duration?: number
  readonly error?: unknown
  readonly exchange?: Exchange
  /** Whose work was used, or who was the cause. */
  readonly linked?: Exchange
}

export interface Remarks {
  /** @returns what ends it */
  watch(listener: (remark: Remark) => void): () => void
}

/** @param labelsOf the values, in the order of the labels */
export const counter = <E>(
  channel: Channel<E>,
  described: Described,
  labelsOf: (event: E) => readonly string[],
  amountOf: (event: E) => number = one,
): EventMetric => ({
  ...described,
  kind: 'counter',
  watch: (record) => channel.subscribe((event) => record(labelsOf(event), amountOf(event))),
})

/**
 * @param labelsOf the values, in the order of the labels
 * @param amountOf NaN for what is not to be observed
 * @param bucketsOf where they are not those of the metric
 */
export const histogram = <E>(
  channel: Channel<E>,
  described: Described & { readonly buckets: readonly number[] },
  labelsOf: (event: E) => readonly string[],
  amountOf: (event: E) => number,
  bucketsOf?: (event: E) => readonly number[] | undefined,
): EventMetric => ({
  ...described,
  kind: 'histogram',
  watch: (record) =>
    channel.subscribe((event) => {
      const amount = amountOf(event)
      if (!Number.isNaN(amount)) record(labelsOf(event), amount, bucketsOf?.(event))
    }),
})

/** @param remarkOf undefined for what is not worth a remark */
export const remarks = <E>(channel: Channel<E>, remarkOf: (event: E) => Remark | undefined): Remarks => ({
  watch: (listener) =>
    channel.subscribe((event) => {
      const remark = remarkOf(event)
      if (remark !== undefined) listener(remark)
    }),
})

const one = (): number => 1
