import type { AnyPlugin, EventMetric, Metric, RecordValue, StateMetric } from '@millrace/core'
import type { Attributes, Meter, Observable } from '@opentelemetry/api'

/** Where the semantic conventions have a name of their own for what is measured; dots there, underscores here. */
const conventional: Readonly<Record<string, string>> = {
  http_server_request_duration_seconds: 'http.server.request.duration',
  http_server_active_requests: 'http.server.active_requests',
  http_server_request_body_size_bytes: 'http.server.request.body.size',
  http_server_response_body_size_bytes: 'http.server.response.body.size',
  http_request_method: 'http.request.method',
  http_response_status_code: 'http.response.status_code',
  http_route: 'http.route',
  error_type: 'error.type',
}

const units: readonly (readonly [suffix: RegExp, unit: string])[] = [
  [/_seconds(?:_total)?$/, 's'],
  [/_bytes(?:_total)?$/, 'By'],
]

const nameOf = (name: string): string => conventional[name] ?? name

/**
 * What the plugins measure, as metrics of OpenTelemetry.
 *
 * @returns what ends it
 */
export const recordMetrics = (plugins: readonly AnyPlugin[], meter: Meter): (() => void) => {
  const ends = plugins.flatMap(({ telemetry }) => telemetry?.metrics ?? []).map((each) => record(each, meter))
  return () => {
    for (const end of ends) end()
  }
}

const record = (metric: Metric, meter: Meter): (() => void) =>
  'watch' in metric ? recordEvents(metric, meter) : observe(metric, meter)

const recordEvents = (metric: EventMetric, meter: Meter): (() => void) => {
  const attributesOf = attributesBy(metric)
  if (metric.kind === 'counter') {
    const counter = meter.createCounter(nameOf(metric.name), described(metric))
    return metric.watch((labels, value) => counter.add(value, attributesOf(labels)))
  }
  const { buckets } = metric
  const advice = buckets && { explicitBucketBoundaries: [...buckets] }
  const histogram = meter.createHistogram(nameOf(metric.name), {
    ...described(metric),
    ...(advice && { advice }),
  })
  return metric.watch((labels, value) => histogram.record(value, attributesOf(labels)))
}

const observe = (metric: StateMetric, meter: Meter): (() => void) => {
  const attributesOf = attributesBy(metric)
  const name = nameOf(metric.name)
  const observable: Observable =
    metric.kind === 'counter'
      ? meter.createObservableCounter(name, described(metric))
      : meter.createObservableGauge(name, described(metric))
  const callback: Parameters<Observable['addCallback']>[0] = (result) => {
    const told: RecordValue = (labels, value) => {
      if (!Number.isNaN(value)) result.observe(value, attributesOf(labels))
    }
    metric.read(told)
  }
  observable.addCallback(callback)
  return () => observable.removeCallback(callback)
}

const described = ({ name, help }: Metric): { description: string; unit?: string } => {
  const unit = units.find(([suffix]) => suffix.test(name))?.[1]
  return { description: help, ...(unit !== undefined && { unit }) }
}

/** An empty label says nothing, and neither does the status 0 of an exchange without a reply. */
const attributesBy = ({ labels }: Metric): ((values: readonly string[]) => Attributes) => {
  const names = labels.map(nameOf)
  return (values) => {
    const attributes: Attributes = {}
    for (const [index, name] of names.entries()) {
      const value = values[index]
      if (value === undefined || value === '') continue
      if (name !== 'http.response.status_code') attributes[name] = value
      else if (value !== '0') attributes[name] = Number(value)
    }
    return attributes
  }
}
