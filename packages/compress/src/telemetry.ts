import { counter, remarks, type StateMetric, type Telemetry } from '@millrace/core'
import { decoded, type Encoded, encoded, refused, skipped } from './events.ts'

const labels = ['route', 'coding', 'source']

const labelsOf = ({ route, coding, source }: Encoded): readonly string[] => [route, coding, source]

/** @param strain what is given up just now: 0 nothing, 1 the level, 2 compression */
export const telemetryOf = (strain: () => number): Telemetry => ({
  metrics: [
    counter(
      encoded,
      { name: 'millrace_compress_encoded_total', help: 'Replies that went out encoded.', labels },
      labelsOf,
    ),
    counter(
      encoded,
      {
        name: 'millrace_compress_input_bytes_total',
        help: 'Body bytes of these before they were encoded.',
        labels,
      },
      labelsOf,
      ({ bytesIn }) => bytesIn,
    ),
    counter(
      encoded,
      {
        name: 'millrace_compress_output_bytes_total',
        help: 'Body bytes of these as they went out.',
        labels,
      },
      labelsOf,
      ({ bytesOut }) => bytesOut,
    ),
    counter(
      encoded,
      {
        name: 'millrace_compress_wait_seconds_total',
        help: 'Time that replies waited to be encoded.',
        labels,
      },
      labelsOf,
      ({ duration }) => duration / 1000,
    ),
    counter(
      skipped,
      {
        name: 'millrace_compress_skipped_total',
        help: 'Replies that went out as they were, by why.',
        labels: ['route', 'reason'],
      },
      ({ route, why }) => [route, why],
    ),
    counter(
      decoded,
      {
        name: 'millrace_compress_decoded_total',
        help: 'Bodies of requests that were decoded.',
        labels: ['route', 'coding'],
      },
      ({ route, coding }) => [route, coding],
    ),
    counter(
      decoded,
      {
        name: 'millrace_compress_decoded_input_bytes_total',
        help: 'Bytes of these as they came.',
        labels: ['route', 'coding'],
      },
      ({ route, coding }) => [route, coding],
      ({ bytesIn }) => bytesIn,
    ),
    counter(
      decoded,
      {
        name: 'millrace_compress_decoded_output_bytes_total',
        help: 'Bytes of these in the plain.',
        labels: ['route', 'coding'],
      },
      ({ route, coding }) => [route, coding],
      ({ bytesOut }) => bytesOut,
    ),
    counter(
      refused,
      {
        name: 'millrace_compress_refused_total',
        help: 'Bodies of requests that were not taken, by why.',
        labels: ['route', 'reason'],
      },
      ({ route, why }) => [route, why],
    ),
    {
      kind: 'gauge',
      name: 'millrace_compress_strain',
      help: '1 while the level is lowered, 2 while compression rests.',
      labels: [],
      read: (record) => record([], strain()),
    } satisfies StateMetric,
  ],
  remarks: [
    remarks(encoded, ({ exchange, coding, source, bytesIn, bytesOut, duration }) => ({
      name: 'compress',
      exchange,
      outcome: coding,
      attributes: { 'compress.source': source, 'compress.in': bytesIn, 'compress.out': bytesOut },
      ...(source === 'work' && { duration }),
    })),
    remarks(decoded, ({ exchange, coding, bytesIn, bytesOut, duration }) => ({
      name: 'compress.request',
      exchange,
      outcome: coding,
      attributes: { 'compress.in': bytesIn, 'compress.out': bytesOut },
      duration,
    })),
    remarks(refused, ({ exchange, why }) => ({ name: 'compress.request', exchange, outcome: why })),
  ],
})
