import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { run } from '@millrace/cli'
import { mount } from '@millrace/express'
import express from 'express'
import { ended } from '../tracing/recorded.ts'
import { checkMetrics, Prometheus, skip } from './server.ts'
import { shop } from './shop/millrace.config.ts'

const served = async () => {
  const mill = shop()
  await mill.start()
  const app = express()
  app.use(mount(mill)())
  app.get('/cities/:id', (req, res) => {
    res.json({ id: req.params.id })
  })
  app.get('/broken', (_req, res) => {
    res.status(500).end()
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    port,
    get: async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text(),
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await mill.stop()
    },
  }
}

/** Until it holds; no machine is so slow that it takes longer than the runner waits. */
const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await wait(50)
}

const route = 'http_route="/cities/:id"'

/** What a command of `millrace` prints about the app. */
const printed = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(args, join(import.meta.dirname, 'shop'))
  assert.equal(code, 0, stderr)
  return stdout
}

describe('Prometheus', { skip }, () => {
  it('finds nothing wrong with the page (promtool check metrics)', async () => {
    await using app = await served()
    for (const path of ['/cities/1', '/cities/1', '/broken', '/nothing']) await app.get(path)
    assert.equal(checkMetrics(await app.get('/metrics')), '')
  })

  it('reads counts, rates, quantiles and exemplars', async () => {
    await using app = await served()
    await using prometheus = await Prometheus.start(app.port, '')
    await eventually(async () => (await prometheus.value('up')) === 1)
    for (let i = 0; i < 50; i++) await Promise.all([app.get('/cities/1'), app.get('/broken')])

    const durations = 'http_server_request_duration_seconds'
    await eventually(async () => (await prometheus.value(`sum(${durations}_count{${route}})`)) === 50)
    assert.equal(await prometheus.value(`sum(${durations}_count{http_response_status_code="500"})`), 50)
    assert.equal(await prometheus.value('sum(millrace_cache_lookups_total{outcome="hit"})'), 49)
    // A series that has appeared has no rate before it goes on.
    const quantile = `histogram_quantile(0.9, sum by (le) (rate(${durations}_bucket{${route}}[1m])))`
    for (const query of [`sum(rate(${durations}_count{${route}}[1m]))`, quantile]) {
      await eventually(async () => {
        await app.get('/cities/1')
        return (await prometheus.value(query)) > 0
      })
    }

    const exemplars = await prometheus.ask('query_exemplars', {
      query: `${durations}_bucket`,
      start: String(Date.now() / 1000 - 600),
      end: String(Date.now() / 1000 + 60),
    })
    const told = new Set(JSON.stringify(exemplars).match(/(?<="trace_id":")[0-9a-f]{32}(?=")/g))
    const known = new Set((await ended(1)).map((span) => span.spanContext().traceId))
    assert.ok(told.size > 0)
    assert.deepEqual(
      [...told].filter((id) => !known.has(id)),
      [],
    )
  })

  it('has every metric that rules and dashboards ask for, and takes the rules', async () => {
    await using app = await served()
    for (const path of ['/cities/1', '/broken']) await app.get(path)
    const page = await app.get('/metrics')
    const rules = await printed('rules', 'app')
    const texts = [rules, await printed('dashboard')]
    const asked = texts.flatMap((text) => text.match(/\b(?:http_server|millrace|nodejs|process)_\w+/g) ?? [])
    const families = new Set(asked.map((name) => name.replace(/_(?:bucket|count|sum)$/, '')))
    assert.ok(families.size > 10)
    assert.deepEqual(
      [...families].filter((name) => !page.includes(`# TYPE ${name} `)),
      [],
    )

    await using prometheus = await Prometheus.start(app.port, rules)
    const states = async (): Promise<readonly string[]> =>
      JSON.stringify((await prometheus.ask('rules', {})) ?? '').match(/(?<="health":")\w+(?=")/g) ?? []
    await eventually(async () => {
      const known = await states()
      return known.length > 0 && !known.includes('unknown')
    })
    assert.deepEqual(new Set(await states()), new Set(['ok']))
  })
})
