import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import { z } from 'zod'

const { root } = protobuf.parse(readFileSync(new URL('otlp.proto', import.meta.url), 'utf8'))
const requests = {
  traces: root.lookupType('ExportTraceServiceRequest'),
  metrics: root.lookupType('ExportMetricsServiceRequest'),
}

export type Signal = keyof typeof requests

/** A request as plain objects, as OTLP over JSON has it but for identifiers, which are bytes here. */
export const fromProtobuf = (signal: Signal, bytes: Uint8Array): unknown => {
  const type = requests[signal]
  return type.toObject(type.decode(bytes), { longs: String, arrays: true })
}

/** Bytes in protobuf, hexadecimal digits in JSON. */
const id = z
  .union([z.string(), z.instanceof(Uint8Array)])
  .default('')
  .transform((value) => (typeof value === 'string' ? value : Buffer.from(value).toString('hex')))

const whole = z.coerce.number().default(0)
const nanoseconds = z.coerce.bigint().default(0n)

const scalar = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.object({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
  z.object({ intValue: z.coerce.number() }).transform(({ intValue }) => intValue),
  z.object({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
])
const value = z.union([
  scalar,
  z.object({ arrayValue: z.object({ values: z.array(scalar) }) }).transform((list) => list.arrayValue.values),
  z.undefined(),
])

const attributes = z
  .array(z.object({ key: z.string(), value }))
  .default([])
  .transform((list) => Object.fromEntries(list.map((each) => [each.key, each.value])))

const resource = z.object({ attributes }).default({ attributes: {} })

const span = z.object({
  traceId: id,
  spanId: id,
  parentSpanId: id,
  traceState: z.string().default(''),
  name: z.string(),
  /** 2: of a server. */
  kind: z.number().default(0),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  events: z.array(z.object({ name: z.string(), attributes })).default([]),
  links: z.array(z.object({ traceId: id, spanId: id })).default([]),
  /** Of the code, 2 is an error. */
  status: z
    .object({ code: z.number().default(0), message: z.string().default('') })
    .default({ code: 0, message: '' }),
  flags: z.number().default(0),
})

const numbers = z.object({
  dataPoints: z
    .array(z.object({ attributes, asDouble: z.number().optional(), asInt: z.coerce.number().optional() }))
    .default([])
    .transform((points) =>
      points.map(({ attributes, asDouble, asInt }) => ({ attributes, value: asDouble ?? asInt ?? 0 })),
    ),
})
const distributions = z.object({
  dataPoints: z
    .array(
      z.object({
        attributes,
        count: whole,
        sum: whole,
        bucketCounts: z.array(z.coerce.number()).default([]),
        explicitBounds: z.array(z.number()).default([]),
      }),
    )
    .default([]),
})
const metric = z.object({
  name: z.string(),
  unit: z.string().default(''),
  description: z.string().default(''),
  sum: numbers.optional(),
  gauge: numbers.optional(),
  histogram: distributions.optional(),
})

export type Span = z.infer<typeof span> & { readonly service: unknown }
export type Metric = z.infer<typeof metric>

const traces = z.object({
  resourceSpans: z
    .array(z.object({ resource, scopeSpans: z.array(z.object({ spans: z.array(span).default([]) })) }))
    .default([]),
})
const metrics = z.object({
  resourceMetrics: z
    .array(z.object({ resource, scopeMetrics: z.array(z.object({ metrics: z.array(metric).default([]) })) }))
    .default([]),
})

/** @param request of OTLP over JSON, or `fromProtobuf` */
export const spansOf = (request: unknown): Span[] =>
  traces
    .parse(request)
    .resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) =>
        spans.map((each) => ({ ...each, service: resource.attributes['service.name'] })),
      ),
    )

/** @param request of OTLP over JSON, or `fromProtobuf` */
export const metricsOf = (request: unknown): Metric[] =>
  metrics
    .parse(request)
    .resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
