import { createRequire } from 'node:module'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import type Express from 'express'
import { exporting } from './exporting.ts'

/** Express as OpenTelemetry's own instrumentation makes it, which works on what is required after it. */
export const instrumented = (share: number): typeof Express => {
  const tracerProvider = exporting(share)
  registerInstrumentations({
    tracerProvider,
    instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()],
  })
  const require = createRequire(import.meta.url)
  require('node:http')
  return require('express')
}
