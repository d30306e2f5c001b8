import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { fromProtobuf, type Metric, metricsOf, type Signal, type Span, spansOf } from './decode.ts'

const signals: Readonly<Record<string, Signal>> = { '/v1/traces': 'traces', '/v1/metrics': 'metrics' }

export interface ReceiverOptions {
  /** Told of the spans of each request. */
  readonly onSpans?: (spans: readonly Span[]) => void
}

/** Keeps what OTLP brings: over HTTP in protobuf and in JSON, and over gRPC. */
export class Receiver {
  readonly spans: Span[] = []
  /** As of the latest request. */
  metrics: Metric[] = []
  /** Content types of the requests, and `grpc`. */
  readonly types = new Set<string>()
  readonly #onSpans: ((spans: readonly Span[]) => void) | undefined
  readonly #http: Server
  readonly #grpc = new GrpcServer()
  #grpcPort = 0

  constructor({ onSpans }: ReceiverOptions = {}) {
    this.#onSpans = onSpans
    this.#http = createServer((req, res) => void this.#answer(req, res))
    for (const [service, signal] of services) this.#grpc.addService(service, { Export: this.#method(signal) })
  }

  /** @param port of HTTP; 0 takes a free one, as gRPC does */
  async listen(port = 0): Promise<void> {
    this.#http.listen(port, '127.0.0.1')
    await once(this.#http, 'listening')
    this.#grpcPort = await new Promise((resolve, reject) => {
      this.#grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
  }

  /** For OTLP over HTTP. */
  get origin(): string {
    const address = this.#http.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`
  }

  /** For OTLP over gRPC. */
  get grpcOrigin(): string {
    return `http://127.0.0.1:${this.#grpcPort}`
  }

  close(): void {
    this.#http.close()
    this.#http.closeAllConnections()
    this.#grpc.forceShutdown()
  }

  take(signal: Signal, request: unknown): void {
    if (signal === 'metrics') {
      this.metrics = metricsOf(request)
      return
    }
    const spans = spansOf(request)
    this.spans.push(...spans)
    this.#onSpans?.(spans)
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const sent = await buffer(req)
    const signal = signals[req.url ?? '']
    const type = req.headers['content-type'] ?? ''
    if (signal === undefined) {
      res.writeHead(404).end()
      return
    }
    try {
      const body = req.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
      this.take(signal, type === 'application/json' ? JSON.parse(String(body)) : fromProtobuf(signal, body))
      this.types.add(type)
      // An empty message of protobuf has no bytes.
      res.writeHead(200, { 'Content-Type': type }).end(type === 'application/json' ? '{}' : '')
    } catch (error) {
      res.writeHead(400).end(String(error))
    }
  }

  #method(signal: Signal) {
    return (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
      this.take(signal, fromProtobuf(signal, call.request))
      this.types.add('grpc')
      answer(null, Buffer.alloc(0))
    }
  }
}

const serviceOf = (name: string) => ({
  Export: {
    path: `/opentelemetry.proto.collector.${name}/Export`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
})

const services = [
  [serviceOf('trace.v1.TraceService'), 'traces'],
  [serviceOf('metrics.v1.MetricsService'), 'metrics'],
] as const
