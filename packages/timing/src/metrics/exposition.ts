import type { Histograms, Values } from './family.ts'
import { escaped } from './label.ts'
import type { Buckets, Exemplar } from './series.ts'

/** Prometheus' text format 0.0.4, or OpenMetrics 1.0, which has exemplars and an end. */
export type Format = 'classic' | 'openmetrics'

export const contentTypes: Readonly<Record<Format, string>> = {
  classic: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** What comes last: whoever reads OpenMetrics knows by it that nothing was lost. */
export const ends: Readonly<Record<Format, string>> = { classic: '', openmetrics: '# EOF\n' }

/** The lines of a metric, those of one series at a time: what is told of one is from one moment. */
export function* linesOf(family: Values | Histograms, format: Format): Generator<string> {
  // A copy: while somebody reads slowly, there may be more.
  if (family.kind === 'histogram') {
    yield headOf(family.name, family.help, family.kind, format)
    for (const series of [...family.all]) yield histogramLines(family.name, series, format)
    return
  }
  yield headOf(family.name, family.help, family.kind, format)
  const name = sampleName(family.name, family.kind, format)
  for (const { text, value, exemplar } of [...family.all])
    yield sample(name, text, value, family.kind === 'counter' ? exemplarText(exemplar, format) : '')
}

export const headOf = (name: string, help: string, kind: string, format: Format): string => {
  const family = format === 'openmetrics' && kind === 'counter' ? name.replace(/_total$/, '') : name
  return `# HELP ${family} ${escaped(help, format === 'openmetrics')}\n# TYPE ${family} ${kind}\n`
}

/** What a value of a counter is called: OpenMetrics wants `_total`. */
export const sampleName = (name: string, kind: string, format: Format): string =>
  format === 'openmetrics' && kind === 'counter' && !name.endsWith('_total') ? `${name}_total` : name

export const sample = (name: string, labels: string, value: number, rest = ''): string =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}${rest}\n`

const histogramLines = (
  name: string,
  { text, bounds, counts, exemplars, sum, count }: Buckets,
  format: Format,
): string => {
  const before = text === '' ? '' : `${text},`
  let lines = ''
  let below = 0
  for (let bucket = 0; bucket <= bounds.length; bucket++) {
    below += counts[bucket] ?? 0
    const bound = boundText(bounds[bucket] ?? Number.POSITIVE_INFINITY, format)
    lines += `${name}_bucket{${before}le="${bound}"} ${below}${exemplarText(exemplars[bucket], format)}\n`
  }
  return lines + sample(`${name}_sum`, text, sum) + sample(`${name}_count`, text, count)
}

const exemplarText = (exemplar: Exemplar | undefined, format: Format): string =>
  exemplar === undefined || format === 'classic'
    ? ''
    : ` # {trace_id="${exemplar.traceId}",span_id="${exemplar.spanId}"} ${numberText(exemplar.value)} ${exemplar.at / 1000}`

/** OpenMetrics: canonical numbers, `1.0`, so that one bound has one spelling. */
export const boundText = (bound: number, format: Format): string =>
  format === 'openmetrics' && Number.isInteger(bound) ? bound.toFixed(1) : numberText(bound)

export const numberText = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
