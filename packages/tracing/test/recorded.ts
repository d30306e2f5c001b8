import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'

const exporter = new InMemorySpanExporter()

/** Has spans recorded, in this process, from now on. */
export const record = (): void => {
  const spanProcessors = [new SimpleSpanProcessor({ exporter })]
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
}

/** The spans that have ended since they were last asked for, in that order. */
export const ended = (): readonly ReadableSpan[] => {
  const spans = exporter.getFinishedSpans()
  exporter.reset()
  return spans
}
