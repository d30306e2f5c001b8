import type { Metric } from '@millrace/core'
import { labelText } from './label.ts'
import { Buckets, type Exemplar, Value } from './series.ts'

/** Label values to what they lead to, a step for each label: no text has to be put together to find a series. */
type Step<S> = Map<string, Step<S> | S>

/** What a metric has too many label values for. */
const rest = 'other'

/** All series of one metric: never more than its bound. */
abstract class Family<S extends object> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly all: S[] = []
  readonly #mostSeries: number
  readonly #overflowing: (name: string) => void
  #root: Step<S> = new Map()
  #hasWarned = false
  /** How many values went to the rest; of a metric that is asked, the last time. */
  overflowed = 0

  constructor(
    { name, help, labels }: Pick<Metric, 'name' | 'help' | 'labels'>,
    mostSeries: number,
    overflowing: (name: string) => void,
  ) {
    this.name = name
    this.help = help
    this.labelNames = labels
    this.#mostSeries = mostSeries
    this.#overflowing = overflowing
  }

  protected abstract make(labels: readonly string[], text: string, bounds: readonly number[] | undefined): S
  protected abstract is(step: Step<S> | S): step is S

  /** @param bounds where these labels have others than the metric's own */
  protected find(values: readonly string[], bounds?: readonly number[]): S {
    let step: Step<S> | S | undefined = this.#root
    for (const value of values) {
      step = this.is(step) ? undefined : step.get(value)
      if (step === undefined) return this.#add(values, bounds)
    }
    // A metric without labels has one series, under no value.
    if (this.is(step)) return step
    const only = step.get('')
    return only !== undefined && this.is(only) ? only : this.#add(values, bounds)
  }

  /** Forgets all series: what only stands as long as somebody says so. */
  clear(): void {
    this.#root = new Map()
    this.all.length = 0
    this.overflowed = 0
  }

  #add(values: readonly string[], bounds: readonly number[] | undefined): S {
    const { labelNames } = this
    const isFull = this.all.length >= this.#mostSeries - 1
    const isRest = values.length > 0 && values.every((value) => value === rest)
    if (isFull && !isRest) {
      this.overflowed++
      if (!this.#hasWarned) this.#overflowing(this.name)
      this.#hasWarned = true
      if (labelNames.length > 0) return this.find(labelNames.map(() => rest))
    }
    const series = this.make(values, labelText(labelNames, values), bounds)
    this.all.push(series)
    const path = values.length === 0 ? [''] : values
    let step = this.#root
    for (const value of path.slice(0, -1)) {
      const known = step.get(value)
      const next: Step<S> = known === undefined || this.is(known) ? new Map() : known
      step.set(value, next)
      step = next
    }
    step.set(path.at(-1) ?? '', series)
    return series
  }
}

/** A counter or a gauge. */
export class Values extends Family<Value> {
  readonly kind: 'counter' | 'gauge'

  constructor(
    metric: Pick<Metric, 'name' | 'help' | 'labels'> & { readonly kind: 'counter' | 'gauge' },
    mostSeries: number,
    overflowing: (name: string) => void,
  ) {
    super(metric, mostSeries, overflowing)
    this.kind = metric.kind
  }

  add(labels: readonly string[], by: number, exemplar?: Exemplar): void {
    const series = this.find(labels)
    series.value += by
    if (exemplar !== undefined) series.exemplar = exemplar
  }

  protected override make(labels: readonly string[], text: string): Value {
    return new Value(labels, text)
  }

  protected override is(step: Step<Value> | Value): step is Value {
    return step instanceof Value
  }
}

export class Histograms extends Family<Buckets> {
  readonly kind = 'histogram'
  readonly #bounds: readonly number[]

  constructor(
    metric: Pick<Metric, 'name' | 'help' | 'labels'> & { readonly buckets?: readonly number[] },
    mostSeries: number,
    overflowing: (name: string) => void,
  ) {
    super(metric, mostSeries, overflowing)
    this.#bounds = metric.buckets ?? []
  }

  observe(
    labels: readonly string[],
    value: number,
    bounds: readonly number[] | undefined,
    exemplar?: Exemplar,
  ): void {
    const series = this.find(labels, bounds)
    const bucket = series.observe(value)
    if (exemplar !== undefined) series.exemplars[bucket] = exemplar
  }

  protected override make(
    labels: readonly string[],
    text: string,
    bounds: readonly number[] = this.#bounds,
  ): Buckets {
    return new Buckets(labels, text, bounds)
  }

  protected override is(step: Step<Buckets> | Buckets): step is Buckets {
    return step instanceof Buckets
  }
}
