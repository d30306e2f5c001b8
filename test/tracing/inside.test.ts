import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cache, memory } from '@millrace/cache'
import { HandClock, mapTier } from '@millrace/cache/testing'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { traceHeaders, tracing } from '@millrace/tracing'
import { SpanKind, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import express from 'express'
import { ended, idOf, linksOf } from './recorded.ts'
import { serve } from './service.ts'

/** An app with a cached route whose handler waits for `go`. */
const cached = async (rule: object, t: { after(task: () => Promise<void>): void }) => {
  const clock = new HandClock()
  let gate = Promise.withResolvers<void>()
  let runs = 0
  const mill = millrace({
    clock,
    plugins: [tracing(), cache({ tiers: [memory({ maxSize: '1mb' }), mapTier({ clock })] })],
    routes: {
      '/**': { tracing: true },
      'GET /cities/:id': { cache: rule },
      'GET /streams/:id': { cache: rule },
    },
    calls: { 'city.*': { cache: { ttl: '1m' }, tracing: true }, 'db.*': { tracing: true } },
  })
  await mill.start()
  const query = mill.wrap('db.query', async () => {
    await gate.promise
    return ++runs
  })
  const app = express()
  app.use(mount(mill)())
  app.get('/cities/:id', async (_req, res) => {
    res.json(await query())
  })
  app.get('/streams/:id', async (_req, res) => {
    res.write('1')
    await gate.promise
    res.end('0')
  })
  const service = await serve(app)
  t.after(async () => {
    await mill.stop()
    await service[Symbol.asyncDispose]()
  })
  return {
    mill,
    clock,
    ask: async (path = '/cities/5'): Promise<unknown> =>
      (await fetch(`http://127.0.0.1:${service.port}${path}`)).json(),
    go: () => gate.resolve(),
    wait: () => {
      gate = Promise.withResolvers<void>()
    },
  }
}

const named = (spans: readonly ReadableSpan[], name: string): readonly ReadableSpan[] =>
  spans.filter((span) => span.name === name)

describe('the spans of a cached route', () => {
  it('tell what became of the request, and what it waited for', async (t) => {
    const { ask, clock, go } = await cached({ ttl: '1m' }, t)
    go()
    await ask()
    // The server's, the handler's, the query's, and what the tier was asked and told.
    const first = await ended(5)
    assert.deepEqual(
      new Set(first.map(({ name }) => name)),
      new Set(['GET /cities/:id', 'handler', 'db.query', 'cache.get', 'cache.set']),
    )
    const [server, ...others] = named(first, 'GET /cities/:id')
    const [handler] = named(first, 'handler')
    const [query] = named(first, 'db.query')
    const [get] = named(first, 'cache.get')
    const [set] = named(first, 'cache.set')
    assert.equal(others.length, 0)
    assert.equal(server?.attributes['cache.outcome'], 'miss')
    assert.match(String(server?.attributes['cache.key_hash']), /^[0-9a-f]{8}$/)
    assert.equal(handler?.parentSpanContext?.spanId, idOf(server))
    assert.equal(query?.parentSpanContext?.spanId, idOf(handler))
    assert.equal(get?.parentSpanContext?.spanId, idOf(server))
    assert.equal(get?.attributes['cache.tier'], 'map')
    assert.equal(set?.spanContext().traceId, server?.spanContext().traceId)
    assert.equal(new Set(first.map((span) => span.spanContext().traceId)).size, 1)

    clock.move(2500)
    await ask()
    const second = await ended(1)
    const [hit] = named(second, 'GET /cities/:id')
    assert.equal(named(second, 'handler').length, 0)
    assert.equal(hit?.attributes['cache.outcome'], 'hit')
    assert.equal(hit?.attributes['cache.age'], 2.5)
    assert.equal(hit?.attributes['cache.key_hash'], server?.attributes['cache.key_hash'])
  })

  for (const [path, count] of [
    ['/cities/:id', 7],
    ['/streams/:id', 6],
  ] as const) {
    it(`are linked to whose run they waited for: ${path}`, async (t) => {
      const { ask, go } = await cached({ ttl: '1m' }, t)
      const asked = Array.from({ length: 3 }, () => ask(path.replace(':id', '5')))
      for (let i = 0; i < 50; i++) await new Promise(setImmediate)
      go()
      await Promise.all(asked)
      const servers = named(await ended(count), `GET ${path}`)
      const [leader, ...more] = servers.filter(({ attributes }) => attributes['cache.outcome'] === 'miss')
      assert.equal(more.length, 0)
      const waited = servers.filter(({ attributes }) => attributes['cache.outcome'] === 'coalesced')
      assert.deepEqual(waited.map(linksOf), [[idOf(leader)], [idOf(leader)]])
      assert.deepEqual(linksOf(leader), [])
    })
  }

  it('are linked from a refresh in the background, which has a trace of its own', async (t) => {
    const { ask, clock, go } = await cached({ ttl: '1s', swr: '1m' }, t)
    go()
    await ask()
    await ended(5)
    clock.move(2000)
    assert.equal(await ask(), 1)
    const spans = await ended(5)
    const stale = spans.find(({ attributes }) => attributes['cache.outcome'] === 'stale')
    const refresh = named(spans, 'GET /cities/:id').find((span) => span !== stale)
    assert.equal(stale?.kind, SpanKind.SERVER)
    assert.equal(refresh?.kind, SpanKind.INTERNAL)
    assert.equal(refresh?.parentSpanContext, undefined)
    assert.notEqual(refresh?.spanContext().traceId, stale?.spanContext().traceId)
    assert.deepEqual(linksOf(refresh), [idOf(stale)])
    assert.equal(named(spans, 'handler')[0]?.parentSpanContext?.spanId, idOf(refresh))
  })
})

describe('the spans of calls', () => {
  it('are of the request that they are made in, with what failed', async (t) => {
    const { mill } = await cached({ ttl: '1m' }, t)
    const find = mill.wrap('city.find', async (id: number) => {
      if (id === 0) throw new RangeError('no such city')
      return traceHeaders()['traceparent']
    })
    assert.match(String(await find(5)), /^00-/)
    const spans = await ended(4)
    const [call] = named(spans, 'city.find')
    const [load] = named(spans, 'cache.load')
    assert.equal(call?.parentSpanContext, undefined)
    assert.equal(load?.parentSpanContext?.spanId, idOf(call))

    await assert.rejects(find(0), RangeError)
    const [failed] = named(await ended(3), 'city.find')
    assert.equal(failed?.attributes['error.type'], 'RangeError')
    assert.equal(failed?.events[0]?.name, 'exception')
  })

  it('carry their context into timers and what is awaited', async (t) => {
    const { mill } = await cached({ ttl: '1m' }, t)
    const seen: (string | undefined)[] = []
    const look = (): void => void seen.push(trace.getActiveSpan()?.spanContext().spanId)
    await mill.wrap('db.look', async () => {
      look()
      await new Promise((resolve) => setTimeout(resolve, 0))
      look()
      await new Promise<void>((resolve) => {
        setImmediate(() => {
          look()
          resolve()
        })
      })
    })()
    const [span] = await ended(1)
    assert.deepEqual(seen, [idOf(span), idOf(span), idOf(span)])
  })
})
