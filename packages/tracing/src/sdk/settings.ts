import { ConfigError, type Duration, duration } from '@millrace/core'
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node'
import { z } from 'zod'

const protocols = ['http/protobuf', 'http/json', 'grpc'] as const

/** How OTLP goes over the wire. */
export type Protocol = (typeof protocols)[number]

/** What is said here wins over the `OTEL_*` variables of the environment. */
export interface SdkOptions {
  /** `service.name`. Default `OTEL_SERVICE_NAME`. */
  readonly service?: string
  /** Where the collector listens: `http://127.0.0.1:4318`. Default `OTEL_EXPORTER_OTLP_ENDPOINT` and its kin. */
  readonly endpoint?: string
  /** Default `OTEL_EXPORTER_OTLP_PROTOCOL` and its kin, or `http/protobuf`. */
  readonly protocol?: Protocol
  /** The share of the traces that begin here, 0 to 1. Default `OTEL_TRACES_SAMPLER`, or all of them. */
  readonly sample?: number
  /** What else is to make spans or metrics: packages of OpenTelemetry. Default none. */
  readonly instrumentations?: NodeSDKConfiguration['instrumentations']
  /** How much is held back until it is known whether a trace is kept. */
  readonly held?: {
    /** Default 1000. */
    readonly traces?: number
    /** Of all these traces. Default 20,000. */
    readonly spans?: number
  }
  /** How long `stop` and `flush` wait for the collector. Default `5s`. */
  readonly deadline?: Duration
}

type Ratio = 'on' | 'off' | number

/** Where one signal goes. */
interface Outlet {
  readonly protocol: Protocol
  /** Default: what the environment says, which the exporter reads. */
  readonly url: string | undefined
}

export interface Settings {
  readonly service: string | undefined
  readonly instrumentations: NodeSDKConfiguration['instrumentations']
  readonly traces: Outlet | 'console' | 'none'
  readonly metrics: Outlet | 'none' | 'by the environment'
  readonly sampler: { readonly root: Ratio; readonly byParent: boolean }
  readonly held: { readonly traces: number; readonly spans: number }
  /** Milliseconds. */
  readonly deadline: number
  readonly queue: {
    readonly maxQueueSize: number
    readonly maxExportBatchSize: number
    readonly scheduledDelayMillis: number
    readonly exportTimeoutMillis: number
  }
  /** How context travels. */
  readonly propagation: 'W3C' | 'by the environment'
  readonly reading: { readonly exportIntervalMillis: number; readonly exportTimeoutMillis: number }
}

export type Environment = Readonly<Record<string, string | undefined>>

const many = (fallback: number): z.ZodDefault<z.ZodInt> => z.int().positive().default(fallback)

const schema = z.strictObject({
  service: z.string().min(1).optional(),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'expected a URL such as "http://127.0.0.1:4318"' })
    .optional(),
  protocol: z.enum(protocols).optional(),
  sample: z.number().min(0).max(1).optional(),
  instrumentations: z
    .custom<NodeSDKConfiguration['instrumentations']>(Array.isArray, { error: 'expected an array' })
    .default([]),
  held: z.strictObject({ traces: many(1000), spans: many(20_000) }).prefault({}),
  deadline: duration().default(5000),
})

/**
 * The standard variables: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 *
 * @throws ConfigError naming every mistake
 */
export const settingsOf = (options: SdkOptions, environment: Environment): Settings => {
  const parsed = schema.safeParse(options)
  if (!parsed.success)
    throw new ConfigError(
      parsed.error.issues.map(({ path, message }) =>
        ['startSdk()', path.join('.'), message].filter((part) => part !== '').join(': '),
      ),
    )
  const { endpoint, sample, ...given } = parsed.data
  const said = new Said(environment)

  const outlet = (signal: 'TRACES' | 'METRICS'): Outlet => {
    const named = said.oneOf(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, protocols)
    const protocol =
      given.protocol ?? named ?? said.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', protocols) ?? 'http/protobuf'
    return { protocol, url: endpoint && urlOf(endpoint, signal, protocol) }
  }
  const traces = said.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'console', 'none']) ?? 'otlp'
  const metrics = said.text('OTEL_METRICS_EXPORTER') ?? 'otlp'
  const interval = said.count('OTEL_METRIC_EXPORT_INTERVAL', 60_000)
  const maxQueueSize = said.count('OTEL_BSP_MAX_QUEUE_SIZE', 2048)

  const settings: Settings = {
    service: given.service,
    instrumentations: given.instrumentations,
    held: given.held,
    deadline: given.deadline,
    traces: traces === 'otlp' ? outlet('TRACES') : traces,
    metrics: metrics === 'otlp' ? outlet('METRICS') : metrics === 'none' ? metrics : 'by the environment',
    sampler: sample === undefined ? said.sampler() : { root: sample, byParent: true },
    queue: {
      maxQueueSize,
      maxExportBatchSize: Math.min(said.count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512), maxQueueSize),
      scheduledDelayMillis: said.count('OTEL_BSP_SCHEDULE_DELAY', 5000),
      exportTimeoutMillis: said.count('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
    propagation: said.text('OTEL_PROPAGATORS') === undefined ? 'W3C' : 'by the environment',
    reading: {
      exportIntervalMillis: interval,
      exportTimeoutMillis: Math.min(said.count('OTEL_METRIC_EXPORT_TIMEOUT', 30_000), interval),
    },
  }
  if (said.problems.size > 0) throw new ConfigError([...said.problems])
  return settings
}

/** Over HTTP each signal has a path of its own, over gRPC a method. */
const urlOf = (endpoint: string, signal: string, protocol: Protocol): string =>
  protocol === 'grpc' ? endpoint : `${endpoint.replace(/\/$/, '')}/v1/${signal.toLowerCase()}`

const samplers = new Map<string, (ratio: () => number) => Ratio>([
  ['always_on', () => 'on'],
  ['always_off', () => 'off'],
  ['traceidratio', (ratio) => ratio()],
])

/** What the environment says. An empty variable says nothing. */
class Said {
  readonly problems = new Set<string>()
  readonly #environment: Environment

  constructor(environment: Environment) {
    this.#environment = environment
  }

  text(name: string): string | undefined {
    return this.#environment[name]?.trim() || undefined
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = this.text(name)
    const value = values.find((each) => each === text)
    if (text !== undefined && value === undefined) this.#expect(name, `one of ${values.join(', ')}`)
    return value
  }

  count(name: string, fallback: number): number {
    const value = Number(this.text(name) ?? fallback)
    if (Number.isInteger(value) && value > 0) return value
    this.#expect(name, 'a positive whole number')
    return fallback
  }

  sampler(): Settings['sampler'] {
    const name = this.text('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on'
    const rootOf = samplers.get(name.replace(/^parentbased_/, ''))
    if (rootOf === undefined) this.#expect('OTEL_TRACES_SAMPLER', 'the name of a sampler')
    return { root: rootOf?.(() => this.#ratio()) ?? 'on', byParent: name.startsWith('parentbased_') }
  }

  #ratio(): number {
    const ratio = Number(this.text('OTEL_TRACES_SAMPLER_ARG') ?? 1)
    if (ratio >= 0 && ratio <= 1) return ratio
    this.#expect('OTEL_TRACES_SAMPLER_ARG', 'a number from 0 to 1')
    return 1
  }

  #expect(name: string, expected: string): void {
    this.problems.add(`${name}: expected ${expected}, got "${this.text(name)}"`)
  }
}
