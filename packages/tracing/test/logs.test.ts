import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { context, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { pino } from 'pino'
import { traceMixin } from '../src/index.ts'

const span = (traceFlags: number) => ({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags,
})

test('pino writes the trace and the span in which a line was written', (t) => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  t.after(() => context.disable())
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { mixin: traceMixin(), base: null, timestamp: false },
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)))
        done()
      },
    }),
  )
  log.info({ user: 1 }, 'outside')
  for (const flags of [TraceFlags.SAMPLED, TraceFlags.NONE, 3]) {
    context.with(trace.setSpanContext(ROOT_CONTEXT, span(flags)), () => log.info({ user: 2 }, 'inside'))
  }
  const invalid = { ...span(1), spanId: '0'.repeat(16) }
  context.with(trace.setSpanContext(ROOT_CONTEXT, invalid), () => log.info('invalid'))

  const inside = {
    level: 30,
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
    user: 2,
    msg: 'inside',
  }
  assert.deepEqual(lines, [
    { level: 30, user: 1, msg: 'outside' },
    { ...inside, trace_flags: '01' },
    { ...inside, trace_flags: '00' },
    { ...inside, trace_flags: '03' },
    { level: 30, msg: 'invalid' },
  ])
})
