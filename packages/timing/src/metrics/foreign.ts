import type { Registry } from 'prom-client'
import { boundText, type Format, headOf, sample, sampleName } from './exposition.ts'
import { labelText } from './label.ts'

/** A value as it is told between processes, and by prom-client. */
export interface Told {
  /** Where it is not the metric's: `_bucket`, `_sum`, `_count`. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** A metric of any origin, with its values. */
export interface ToldMetric {
  readonly name: string
  readonly help: string
  readonly kind: string
  readonly values: readonly Told[]
}

/** What a registry of prom-client's has under a name. */
export const toldBy = async (registry: Registry, name: string): Promise<ToldMetric | undefined> => {
  const metric = registry.getSingleMetric(name)
  if (metric === undefined) return undefined
  const { help, type, values } = await metric.get()
  // Not in its types.
  const common: unknown = Reflect.get(registry, '_defaultLabels')
  return {
    name,
    help,
    // A number by its types, a word in truth.
    kind: String(type),
    values: values.map(({ labels, value, ...rest }) => ({
      ...rest,
      labels: { ...(typeof common === 'object' ? common : {}), ...defined(labels) },
      value,
    })),
  }
}

const defined = (labels: Readonly<Record<string, string | number | undefined>>): Told['labels'] =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

export function* linesOfTold({ name, help, kind, values }: ToldMetric, format: Format): Generator<string> {
  yield headOf(name, help, kind, format)
  for (const { metricName = name, labels, value } of values) {
    const { le } = labels
    const written =
      le === undefined ? labels : { ...labels, le: le === '+Inf' ? le : boundText(Number(le), format) }
    const text = labelText(Object.keys(written), Object.values(written))
    yield sample(sampleName(metricName, kind, format), text, value)
  }
}
