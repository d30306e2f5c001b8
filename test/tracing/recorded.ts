import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'

const exporter = new InMemorySpanExporter()
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))

/** Waits until that many spans have ended, and takes all there are, in that order. */
export const ended = async (count: number): Promise<readonly ReadableSpan[]> => {
  while (exporter.getFinishedSpans().length < count) await new Promise(setImmediate)
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  const spans = exporter.getFinishedSpans()
  exporter.reset()
  return spans
}

/** What a span is linked to. */
export const linksOf = (span: ReadableSpan | undefined): readonly string[] =>
  (span?.links ?? []).map((link) => link.context.spanId)

export const idOf = (span: ReadableSpan | undefined): string => span?.spanContext().spanId ?? 'none'
