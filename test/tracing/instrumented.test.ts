import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { it } from 'node:test'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { tracing } from '@millrace/tracing'
import { SpanKind } from '@opentelemetry/api'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import express from 'express'
import { ended, idOf } from './recorded.ts'

new HttpInstrumentation().enable()
// It works on what is required, and by that on the prototypes that all share.
createRequire(import.meta.url)('http')
const { serve } = await import('./service.ts')

it("OpenTelemetry's own server span is made richer, and not doubled", async () => {
  const mill = millrace({ plugins: [tracing()], routes: { '/**': { tracing: true } } })
  const inner = express.Router()
  inner.get('/:id', (_req, res) => {
    res.send('ok')
  })
  const app = express()
  app.use(mount(mill)())
  app.use('/cities', inner)
  await using service = await serve(app)
  await (await fetch(`http://127.0.0.1:${service.port}/cities/5`)).text()
  const [handler, server] = await ended(2)
  assert.deepEqual([handler?.name, server?.name], ['handler', 'GET /cities/:id'])
  assert.equal(handler?.parentSpanContext?.spanId, idOf(server))
  assert.equal(server?.kind, SpanKind.SERVER)
  assert.equal(server?.attributes['http.route'], '/cities/:id')
  // Its own attributes are there.
  assert.equal(server?.instrumentationScope.name, '@opentelemetry/instrumentation-http')
  assert.ok('http.status_code' in server.attributes || 'http.response.status_code' in server.attributes)
})
