import { histogram, type StateMetric, type Telemetry } from '@millrace/core'
import { callTimed, type ExchangeTimed, exchangeTimed } from './events.ts'

/** Seconds: those of OpenTelemetry's `http.server.request.duration`. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** From a hundred bytes to a hundred megabytes. */
const sizes = [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]

/** What else comes is one of them (OpenTelemetry's `http.request.method`). */
const methods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])

export const methodLabel = (method: string): string => (methods.has(method) ? method : '_OTHER')

const labels = ['http_request_method', 'http_route', 'http_response_status_code', 'outcome']

const labelsOf = ({ method, route, status, outcome }: ExchangeTimed): readonly string[] => [
  methodLabel(method),
  route,
  String(status),
  outcome,
]

/**
 * Names by OpenTelemetry's stable semantic conventions for HTTP, as its Prometheus exporters write them.
 *
 * @param active exchanges on their way, by method
 */
export const telemetryOf = (active: ReadonlyMap<string, number>): Telemetry => ({
  metrics: [
    histogram(
      exchangeTimed,
      {
        name: 'http_server_request_duration_seconds',
        help: 'Time until the last byte of the reply was handed over.',
        labels,
        buckets: seconds,
      },
      labelsOf,
      ({ total }) => total / 1000,
      ({ buckets }) => buckets,
    ),
    histogram(
      exchangeTimed,
      {
        name: 'http_server_response_body_size_bytes',
        help: 'Size of reply bodies.',
        labels,
        buckets: sizes,
      },
      labelsOf,
      ({ bytes }) => bytes,
    ),
    histogram(
      exchangeTimed,
      {
        name: 'http_server_request_body_size_bytes',
        help: 'Size of request bodies, where their Content-Length tells.',
        labels,
        buckets: sizes,
      },
      labelsOf,
      ({ requestBytes }) => requestBytes ?? Number.NaN,
    ),
    {
      kind: 'gauge',
      name: 'http_server_active_requests',
      help: 'Requests on their way.',
      labels: ['http_request_method'],
      read: (record) => {
        for (const [method, count] of active) record([method], count)
      },
    } satisfies StateMetric,
    histogram(
      callTimed,
      {
        name: 'millrace_call_duration_seconds',
        help: 'Time that wrapped functions took.',
        labels: ['call', 'label', 'outcome', 'error_type'],
        buckets: seconds,
      },
      ({ name, label, outcome, errorType }) => [name, label, outcome, errorType],
      ({ total }) => total / 1000,
      ({ buckets }) => buckets,
    ),
  ],
})
