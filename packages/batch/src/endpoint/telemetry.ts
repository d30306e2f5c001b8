import { counter, histogram, remarks, type Telemetry } from '@millrace/core'
import { batchAnswered, batchDenied } from './events.ts'

export const endpointTelemetry: Telemetry = {
  metrics: [
    histogram(
      batchAnswered,
      {
        name: 'millrace_batch_endpoint_requests',
        help: 'Requests in a batch that was answered.',
        labels: ['route', 'format'],
        buckets: [1, 2, 5, 10, 20, 50, 100],
      },
      ({ route, format }) => [route, format],
      ({ size }) => size,
    ),
    counter(
      batchAnswered,
      {
        name: 'millrace_batch_endpoint_errors_total',
        help: 'Requests of batches that were answered with 400 or above.',
        labels: ['route'],
      },
      ({ route }) => [route],
      ({ errors }) => errors,
    ),
    counter(
      batchDenied,
      {
        name: 'millrace_batch_endpoint_denied_total',
        help: 'Batches that were refused as a whole, by why.',
        labels: ['route', 'reason'],
      },
      ({ route, why }) => [route, why],
    ),
  ],
  remarks: [
    remarks(batchAnswered, ({ exchange, size, errors, duration }) => ({
      name: 'batch',
      exchange,
      outcome: 'answered',
      attributes: { 'batch.size': size, 'batch.errors': errors },
      duration,
    })),
    remarks(batchDenied, ({ exchange, why }) => ({
      name: 'batch',
      exchange,
      outcome: 'denied',
      attributes: { 'batch.why': why },
    })),
  ],
}
