import { type Clock, ConfigError, systemClock, within } from '@millrace/core'
import { context, metrics, ProxyTracerProvider, propagation, trace } from '@opentelemetry/api'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ConsoleSpanExporter,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import { CountedExporter, type Exports } from './counted-exporter.ts'
import { type Delivered, Delivery } from './delivery.ts'
import { metricExporter, spanExporter } from './exporters.ts'
import { observeProcess } from './process.ts'
import { type SdkOptions, type Settings, settingsOf } from './settings.ts'
import { type Held, Tail, TailSampler } from './tail.ts'
import { W3C } from './w3c.ts'

/** Plain data; undefined where `OTEL_TRACES_EXPORTER` is `none`. */
export interface SdkInspection {
  readonly spans: Delivered | undefined
  /** Undefined where the environment chooses the exporters. */
  readonly metrics: Exports | undefined
  /** By the tail rule. */
  readonly held: Held | undefined
}

/** What `startSdk` started. */
export interface Sdk {
  /** Sends what is waiting, spans and metrics. Returns when it got through, was dropped, or the deadline is over. */
  flush(): Promise<void>
  /** Sends what is waiting, and ends. What has not got through by the deadline is dropped, and counted. */
  stop(): Promise<void>
  inspect(): SdkInspection
}

/**
 * Starts OpenTelemetry's SDK for this process: traces and metrics over OTLP, by the standard `OTEL_*` variables and by
 * options. Call it before anything makes a span, once in a process.
 *
 * @throws ConfigError naming every mistake
 */
export const startSdk = async (options: SdkOptions = {}, clock: Clock = systemClock): Promise<Sdk> => {
  if (isRunning()) throw new ConfigError(['startSdk(): an SDK of OpenTelemetry runs in this process already'])
  const settings = settingsOf(options, process.env)
  const { service, instrumentations, deadline, propagation: travels } = settings
  const delivery = await deliveryOf(settings, clock)
  const tail = delivery && new Tail(delivery, settings.held)
  const exporter = await metricExporterOf(settings)
  const readers = readersOf(settings, exporter)
  const sdk = new NodeSDK({
    instrumentations,
    sampler: new TailSampler(samplerOf(settings.sampler)),
    spanProcessors: tail === undefined ? [] : [tail],
    ...(readers && { metricReaders: readers }),
    ...(travels === 'W3C' && { textMapPropagator: new W3C() }),
    ...(service !== undefined && { serviceName: service }),
  })
  sdk.start()
  observeProcess(metrics.getMeter('@millrace/tracing'))

  /** A collector that is down is counted and told of by the delivery. */
  const inTime = (work: Promise<unknown>): Promise<unknown> =>
    within(clock, deadline, work, 'the collector took too long').catch(() => undefined)

  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    // The first that fails makes the SDK's promise reject, whatever is still on its way.
    await inTime(Promise.allSettled([tail?.forceFlush(), sdk.shutdown()]))
    delivery?.giveUp()
    for (const global of [trace, metrics, context, propagation]) global.disable()
  }

  return {
    async flush() {
      const flushes = (readers ?? []).map((each) => each.forceFlush())
      await inTime(Promise.allSettled([tail?.forceFlush(), ...flushes]))
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
    inspect: () => ({ spans: delivery?.inspect(), metrics: exporter?.inspect(), held: tail?.inspect() }),
  }
}

/** The API takes the first and ignores the others. */
const isRunning = (): boolean => {
  const provider = trace.getTracerProvider()
  const none = new ProxyTracerProvider().getDelegate()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== none
}

const deliveryOf = async ({ traces, queue }: Settings, clock: Clock): Promise<Delivery | undefined> => {
  if (traces === 'none') return undefined
  const exporter =
    traces === 'console' ? new ConsoleSpanExporter() : await spanExporter(traces.protocol, traces.url)
  return new Delivery(exporter, queue, clock)
}

const metricExporterOf = async ({ metrics }: Settings): Promise<CountedExporter | undefined> =>
  typeof metrics === 'string'
    ? undefined
    : new CountedExporter(await metricExporter(metrics.protocol, metrics.url))

/** @returns undefined where the environment chooses */
const readersOf = (
  { metrics, reading }: Settings,
  exporter: CountedExporter | undefined,
): PeriodicExportingMetricReader[] | undefined => {
  if (metrics === 'by the environment') return undefined
  return exporter === undefined ? [] : [new PeriodicExportingMetricReader({ ...reading, exporter })]
}

const samplerOf = ({ root, byParent }: Settings['sampler']): Sampler => {
  const own = typeof root === 'number' ? new TraceIdRatioBasedSampler(root) : new always[root]()
  return byParent ? new ParentBasedSampler({ root: own }) : own
}

const always = { on: AlwaysOnSampler, off: AlwaysOffSampler }
