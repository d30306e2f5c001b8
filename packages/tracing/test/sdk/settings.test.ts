import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError } from '@millrace/core'
import { type Environment, type SdkOptions, type Settings, settingsOf } from '../../src/sdk/settings.ts'

const defaults: Settings = {
  service: undefined,
  instrumentations: [],
  traces: { protocol: 'http/protobuf', url: undefined },
  metrics: { protocol: 'http/protobuf', url: undefined },
  sampler: { root: 'on', byParent: true },
  held: { traces: 1000, spans: 20_000 },
  deadline: 5000,
  queue: {
    maxQueueSize: 2048,
    maxExportBatchSize: 512,
    scheduledDelayMillis: 5000,
    exportTimeoutMillis: 30_000,
  },
  propagation: 'W3C',
  reading: { exportIntervalMillis: 60_000, exportTimeoutMillis: 30_000 },
}

const endpoint = 'http://collector:4318'

const cases: readonly [SdkOptions, Environment, Partial<Settings>][] = [
  [{}, {}, {}],
  [{}, { OTEL_TRACES_EXPORTER: ' ', OTEL_BSP_MAX_QUEUE_SIZE: '' }, {}],
  [{ service: 'mill', deadline: '1s' }, {}, { service: 'mill', deadline: 1000 }],
  [{ held: { traces: 5 } }, {}, { held: { traces: 5, spans: 20_000 } }],

  [{}, { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }, { traces: 'none', metrics: 'none' }],
  [{}, { OTEL_TRACES_EXPORTER: 'console' }, { traces: 'console' }],
  [{}, { OTEL_METRICS_EXPORTER: 'prometheus' }, { metrics: 'by the environment' }],
  [
    {},
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { traces: { protocol: 'grpc', url: undefined }, metrics: { protocol: 'grpc', url: undefined } },
  ],
  [
    {},
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json' },
    { traces: { protocol: 'grpc', url: undefined }, metrics: { protocol: 'http/json', url: undefined } },
  ],
  [
    { endpoint, protocol: 'http/json' },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
    {
      traces: { protocol: 'http/json', url: `${endpoint}/v1/traces` },
      metrics: { protocol: 'http/json', url: `${endpoint}/v1/metrics` },
    },
  ],
  [
    { endpoint: `${endpoint}/otlp/` },
    { OTEL_METRICS_EXPORTER: 'none' },
    { traces: { protocol: 'http/protobuf', url: `${endpoint}/otlp/v1/traces` }, metrics: 'none' },
  ],
  [
    { endpoint, protocol: 'grpc' },
    {},
    { traces: { protocol: 'grpc', url: endpoint }, metrics: { protocol: 'grpc', url: endpoint } },
  ],

  [{ sample: 0.25 }, { OTEL_TRACES_SAMPLER: 'always_off' }, { sampler: { root: 0.25, byParent: true } }],
  [{}, { OTEL_TRACES_SAMPLER: 'always_on' }, { sampler: { root: 'on', byParent: false } }],
  [{}, { OTEL_TRACES_SAMPLER: 'always_off' }, { sampler: { root: 'off', byParent: false } }],
  [{}, { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, { sampler: { root: 'off', byParent: true } }],
  [{}, { OTEL_TRACES_SAMPLER: 'traceidratio' }, { sampler: { root: 1, byParent: false } }],
  [
    {},
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
    { sampler: { root: 0.1, byParent: true } },
  ],

  [
    {},
    { OTEL_BSP_MAX_QUEUE_SIZE: '100', OTEL_BSP_SCHEDULE_DELAY: '10', OTEL_BSP_EXPORT_TIMEOUT: '20' },
    {
      queue: {
        maxQueueSize: 100,
        maxExportBatchSize: 100,
        scheduledDelayMillis: 10,
        exportTimeoutMillis: 20,
      },
    },
  ],
  [{}, { OTEL_PROPAGATORS: 'b3' }, { propagation: 'by the environment' }],
  [
    {},
    { OTEL_METRIC_EXPORT_INTERVAL: '1000' },
    { reading: { exportIntervalMillis: 1000, exportTimeoutMillis: 1000 } },
  ],
]

describe('settings of', () => {
  for (const [options, environment, expected] of cases) {
    test(`${JSON.stringify(options)} ${JSON.stringify(environment)}`, () => {
      assert.deepEqual(settingsOf(options, environment), { ...defaults, ...expected })
    })
  }
})

const mistakes: readonly [SdkOptions & Record<string, unknown>, Environment, RegExp][] = [
  [{ sample: 2 }, {}, /^startSdk\(\): sample: /],
  [{ endpoint: 'collector:4318' }, {}, /^startSdk\(\): endpoint: expected a URL such as "http/],
  [{ samples: 1 }, {}, /^startSdk\(\): Unrecognized key: "samples"/],
  [{ held: { traces: 0 } }, {}, /^startSdk\(\): held\.traces: /],
  [{ deadline: 'soon' }, {}, /^startSdk\(\): deadline: expected a duration/],
  [
    {},
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http' },
    /^OTEL_EXPORTER_OTLP_PROTOCOL: expected one of .*, got "http"$/,
  ],
  [{}, { OTEL_TRACES_EXPORTER: 'zipkin' }, /^OTEL_TRACES_EXPORTER: expected one of otlp, console, none/],
  [{}, { OTEL_TRACES_SAMPLER: 'parentbased_' }, /^OTEL_TRACES_SAMPLER: /],
  [{}, { OTEL_TRACES_SAMPLER: 'constructor' }, /^OTEL_TRACES_SAMPLER: /],
  [
    {},
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '10%' },
    /^OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got "10%"$/,
  ],
  [
    {},
    { OTEL_BSP_MAX_QUEUE_SIZE: 'many', OTEL_BSP_SCHEDULE_DELAY: '-1' },
    /^OTEL_BSP_MAX_QUEUE_SIZE: .*\nOTEL_BSP_SCHEDULE_DELAY: expected a positive whole number, got "-1"$/,
  ],
]

describe('a mistake is named', () => {
  for (const [options, environment, message] of mistakes) {
    test(`${JSON.stringify(options)} ${JSON.stringify(environment)}`, () => {
      assert.throws(
        () => settingsOf(options, environment),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
    })
  }
})
