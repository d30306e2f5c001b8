import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Protocol } from './settings.ts'

// Each is loaded when it is chosen, so that nobody has to install the others.

/** @param url default: what the environment says */
export const spanExporter = async (protocol: Protocol, url: string | undefined): Promise<SpanExporter> => {
  const { OTLPTraceExporter } = await spans[protocol]()
  return new OTLPTraceExporter(url === undefined ? {} : { url })
}

/** @param url default: what the environment says */
export const metricExporter = async (
  protocol: Protocol,
  url: string | undefined,
): Promise<PushMetricExporter> => {
  const { OTLPMetricExporter } = await metrics[protocol]()
  return new OTLPMetricExporter(url === undefined ? {} : { url })
}

const spans = {
  'http/protobuf': () => import('@opentelemetry/exporter-trace-otlp-proto'),
  'http/json': () => import('@opentelemetry/exporter-trace-otlp-http'),
  grpc: () => import('@opentelemetry/exporter-trace-otlp-grpc'),
}

const metrics = {
  'http/protobuf': () => import('@opentelemetry/exporter-metrics-otlp-proto'),
  'http/json': () => import('@opentelemetry/exporter-metrics-otlp-http'),
  grpc: () => import('@opentelemetry/exporter-metrics-otlp-grpc'),
}
