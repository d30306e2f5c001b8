import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { Writable } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Sdk, startSdk } from '@millrace/tracing/sdk'
import * as onExpress from '../../otel-express/app.ts'
import * as onKoa from '../../otel-koa/app.ts'
import { Receiver, type Shop, type Span, tree } from '../src/index.ts'

const apps = {
  // Express answers errors by itself: no layer sees what a handler has thrown.
  'otel-express': { ...onExpress, failure: ['{error.type: 500, http.response.status_code: 500}', ''] },
  'otel-koa': {
    ...onKoa,
    failure: [
      '{error.type: TypeError, http.response.status_code: 500} [exception]',
      ' {error.type: TypeError} [exception]',
    ],
  },
}

const receiver = new Receiver()
let sdk: Sdk
before(async () => {
  await receiver.listen()
  sdk = await startSdk({ service: 'shop', endpoint: receiver.origin })
})
after(async () => {
  await sdk.stop()
  receiver.close()
})

/** Trees without how long it took. */
const shape = (spans: readonly Span[]): string => tree(spans).replaceAll(/ \d+\.\d ms/g, '')

for (const [name, { createShop, failure }] of Object.entries(apps)) {
  describe(name, () => {
    const lines: Record<string, unknown>[] = []
    const log = new Writable({
      write(chunk, _encoding, done) {
        lines.push(JSON.parse(String(chunk)))
        done()
      },
    })
    let shop: Shop
    let server: Server
    before(async () => {
      shop = createShop(log)
      server = shop.listen(0, '127.0.0.1')
      await once(server, 'listening')
    })
    after(async () => {
      server.close()
      server.closeAllConnections()
      await shop.stop()
    })
    beforeEach(() => {
      receiver.spans.length = 0
      lines.length = 0
    })

    const ask = async (path: string, headers: Record<string, string> = {}): Promise<number> => {
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : address
      const res = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
      await res.arrayBuffer()
      return res.status
    }

    /** What was exported, when all of a request has ended. */
    const exported = async (count: number): Promise<readonly Span[]> => {
      while (receiver.spans.length < count) await sdk.flush()
      return receiver.spans
    }

    test('a request is a tree of what ran inside of it', async () => {
      assert.equal(await ask('/prices/assam'), 200)
      assert.equal(
        shape(await exported(3)),
        [
          'GET /prices/:tea {cache.outcome: miss, http.response.status_code: 200}',
          '└─ handler',
          '   └─ price.find',
        ].join('\n'),
      )
      receiver.spans.length = 0
      assert.equal(await ask('/prices/assam'), 200)
      assert.equal(
        shape(await exported(1)),
        'GET /prices/:tea {cache.outcome: hit, http.response.status_code: 200}',
      )
    })

    test('it goes on in the services that it asks, which are asked by others', async () => {
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
      assert.equal(await ask('/baskets/oolong', { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }), 200)
      const spans = await exported(5)
      assert.equal(
        shape(spans),
        [
          'GET /baskets/:teas {http.response.status_code: 200}',
          '└─ handler',
          '   └─ GET /prices/:tea {cache.outcome: miss, http.response.status_code: 200}',
          '      └─ handler',
          '         └─ price.find',
        ].join('\n'),
      )
      assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([traceId]))
      assert.equal(spans.find(({ name }) => name === 'GET /baskets/:teas')?.parentSpanId, '00f067aa0ba902b7')
    })

    test('those who wait for the same answer are linked to the one who gets it', async () => {
      await Promise.all([ask('/prices/sencha'), ask('/prices/sencha')])
      const spans = await exported(4)
      const outcomes = new Map(spans.map((span) => [span.attributes['cache.outcome'], span]))
      const [link] = outcomes.get('coalesced')?.links ?? []
      assert.equal(link?.spanId, outcomes.get('miss')?.spanId)
    })

    test('of a route that is seldom recorded, what fails is kept, whole', async () => {
      for (let i = 0; i < 5; i++) assert.equal(await ask('/stock/assam'), 200)
      assert.equal(await ask('/stock/coffee'), 500)
      const isFailed = ({ attributes }: Span): boolean => attributes['http.response.status_code'] === 500
      while (!receiver.spans.some(isFailed)) await sdk.flush()
      const failed = receiver.spans.find(isFailed)
      const ofIt = receiver.spans.filter(({ traceId }) => traceId === failed?.traceId)
      assert.equal(
        shape(ofIt),
        [
          `GET /stock/:tea ${failure[0]}`,
          `└─ handler${failure[1]}`,
          '   └─ price.find {error.type: TypeError} [exception]',
        ].join('\n'),
      )
    })

    test('a line of the log names the span in which it was written', async () => {
      assert.equal(await ask('/prices/mate'), 404)
      const spans = await exported(3)
      const handler = spans.find(({ name }) => name === 'handler')
      const [line] = lines
      assert.deepEqual(
        [line?.trace_id, line?.span_id, line?.trace_flags],
        [handler?.traceId, handler?.spanId, '01'],
      )
    })

    test('what the plugins measure is exported, too', async () => {
      await sdk.flush()
      const lookups = receiver.metrics.find((metric) => metric.name === 'millrace_cache_lookups_total')
      assert.deepEqual(
        new Set(lookups?.sum?.dataPoints.map(({ attributes }) => attributes.outcome)),
        new Set(['hit', 'miss', 'coalesced']),
      )
    })
  })

  test(`${name} prints what it exports until it is stopped`, async () => {
    const main = fileURLToPath(new URL(`../../${name}/main.ts`, import.meta.url))
    const { OTEL_EXPORTER_OTLP_ENDPOINT, ...rest } = process.env
    const env = { ...rest, PORT: '0', OTEL_BSP_SCHEDULE_DELAY: '10' }
    const child = spawn(process.execPath, ['--conditions=@millrace/source', main], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let said = ''
    let origin: string | undefined
    for await (const chunk of child.stdout) {
      said += chunk
      const found = /http:\S+/.exec(said)?.[0]
      if (origin === undefined && found !== undefined) {
        origin = found
        await fetch(`${origin}/prices/assam`)
      }
      if (said.includes('GET /prices/:tea')) child.kill('SIGTERM')
    }
    assert.deepEqual(await exited, [0, null])
    assert.match(said, /^GET \/prices\/:tea \d/m)
  })
}
