import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { numberText } from './exposition.ts'
import type { Histograms, Values } from './family.ts'
import type { Told } from './foreign.ts'

/**
 * Shows metrics in a registry of prom-client's, so that what reads the registry finds them there. One that has a metric
 * of that name already keeps its own.
 */
export const register = (registry: Registry, family: Values | Histograms, refresh: () => void): boolean => {
  if (registry.getSingleMetric(family.name) !== undefined) return false
  const { name, help } = family
  const settings = { name, help, registers: [registry], labelNames: [...family.labelNames] }
  const tell: Tell = () => {
    refresh()
    return [...told(family)]
  }
  if (family.kind === 'histogram') new ToldHistogram(settings, tell)
  else if (family.kind === 'counter') new ToldCounter(settings, tell)
  else new ToldGauge(settings, tell)
  return true
}

type Tell = () => Told[]

class ToldCounter extends Counter {
  readonly #tell: Tell

  constructor(settings: ConstructorParameters<typeof Counter>[0], tell: Tell) {
    super(settings)
    this.#tell = tell
  }

  override async get(): ReturnType<Counter['get']> {
    return { ...(await super.get()), values: this.#tell() }
  }
}

class ToldGauge extends Gauge {
  readonly #tell: Tell

  constructor(settings: ConstructorParameters<typeof Gauge>[0], tell: Tell) {
    super(settings)
    this.#tell = tell
  }

  override async get(): ReturnType<Gauge['get']> {
    return { ...(await super.get()), values: this.#tell() }
  }
}

class ToldHistogram extends Histogram {
  readonly #described: ConstructorParameters<typeof Histogram>[0]
  readonly #tell: Tell

  constructor(settings: ConstructorParameters<typeof Histogram>[0], tell: Tell) {
    super(settings)
    this.#described = settings
    this.#tell = tell
  }

  /** What `get` and the registry ask; not in its types. */
  async getForPromString(): Promise<object> {
    const { name, help } = this.#described
    const values = this.#tell().map((told) => ({ ...told, sharedLabels: {} }))
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }
}

/** Every value of a metric. */
export function* told(family: Values | Histograms): Generator<Told> {
  const { name, labelNames } = family
  const named = (values: readonly string[]): Record<string, string> =>
    Object.fromEntries(labelNames.map((label, i) => [label, values[i] ?? '']))
  if (family.kind !== 'histogram') {
    for (const { labels, value } of family.all) yield { labels: named(labels), value }
    return
  }
  for (const { labels, bounds, counts, sum, count } of family.all) {
    let below = 0
    for (const [i, each] of counts.entries()) {
      below += each
      const le = numberText(bounds[i] ?? Number.POSITIVE_INFINITY)
      yield { metricName: `${name}_bucket`, labels: { ...named(labels), le }, value: below }
    }
    yield { metricName: `${name}_sum`, labels: named(labels), value: sum }
    yield { metricName: `${name}_count`, labels: named(labels), value: count }
  }
}
