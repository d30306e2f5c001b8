import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channel, counter, definePlugin, histogram } from '@millrace/core'
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { z } from 'zod'
import { recordMetrics } from '../src/metrics.ts'

interface Served {
  readonly route: string
  readonly status: string
  readonly seconds: number
}
const served = channel<Served>('millrace:test:served')

/** What an operator would turn. */
const state = { open: 3, total: 10 }

const plugin = definePlugin({
  name: 'test',
  stage: 'observe',
  rule: z.strictObject({}),
  telemetry: {
    metrics: [
      counter(
        served,
        { name: 'millrace_test_served_total', help: 'Served.', labels: ['route', 'tier'] },
        ({ route }) => [route, ''],
      ),
      histogram(
        served,
        {
          name: 'http_server_request_duration_seconds',
          help: 'How long.',
          labels: ['http_route', 'http_response_status_code'],
          buckets: [0.1, 1],
        },
        ({ route, status }) => [route, status],
        ({ seconds }) => seconds,
      ),
      {
        kind: 'gauge',
        name: 'millrace_test_bytes',
        help: 'Held.',
        labels: ['tier'],
        read: (record) => record(['memory'], state.open),
      },
      {
        kind: 'counter',
        name: 'millrace_test_time_seconds_total',
        help: 'Saved.',
        labels: [],
        read: (record) => record([], state.total),
      },
    ],
  },
})

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}

  /** Unit and points of each metric. */
  async read(): Promise<Record<string, readonly [unit: string, points: unknown]>> {
    const { resourceMetrics } = await this.collect()
    const points = ({ attributes, value }: DataPoint<number | Histogram>): unknown =>
      typeof value === 'number'
        ? [attributes, value]
        : [attributes, value.count, value.sum, value.buckets.boundaries, value.buckets.counts]
    return Object.fromEntries(
      resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
        metrics.map(({ descriptor, dataPoints }) => [
          descriptor.name,
          [descriptor.unit, dataPoints.map((point) => points(point as DataPoint<number | Histogram>))],
        ]),
      ),
    )
  }
}

test('what plugins count, observe and hold are metrics of OpenTelemetry, until it is ended', async () => {
  const reader = new Reader()
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test')
  const end = recordMetrics([plugin], meter)
  served.publish({ route: '/a', status: '200', seconds: 0.5 })
  served.publish({ route: '/a', status: '200', seconds: 2 })
  served.publish({ route: '/a', status: '0', seconds: 2 })

  const expected = {
    millrace_test_served_total: ['', [[{ route: '/a' }, 3]]],
    'http.server.request.duration': [
      's',
      [
        [{ 'http.route': '/a', 'http.response.status_code': 200 }, 2, 2.5, [0.1, 1], [0, 1, 1]],
        [{ 'http.route': '/a' }, 1, 2, [0.1, 1], [0, 0, 1]],
      ],
    ],
    millrace_test_bytes: ['By', [[{ tier: 'memory' }, 3]]],
    millrace_test_time_seconds_total: ['s', [[{}, 10]]],
  }
  assert.deepEqual(await reader.read(), expected)

  end()
  assert.equal(served.hasSubscribers, false)
  served.publish({ route: '/a', status: '200', seconds: 0.5 })
  Object.assign(state, { open: 99, total: 99 })
  assert.deepEqual(await reader.read(), expected)
})
