import cluster from 'node:cluster'
import {
  type Exchange,
  fieldOf,
  type Plugin,
  parseAccept,
  type Reply,
  reply,
  systemClock,
} from '@millrace/core'
import { trace } from '@opentelemetry/api'
import type { Registry } from 'prom-client'
import { z } from 'zod'
import { ClusterWorker } from './cluster.ts'
import { Collection, type Tracing } from './collection.ts'
import { contentTypes, type Format } from './exposition.ts'
import { Page } from './page.ts'
import { processMetrics } from './process.ts'
import { register } from './registered.ts'

export interface MetricsOptions {
  /** A registry of prom-client's: what is in it is shown too, and what is shown is in it. */
  readonly registry?: Registry
  /** Who may read. Default: connections from this machine that came through no proxy. */
  readonly authorize?: (exchange: Exchange) => boolean | Promise<boolean>
  /** How many series a metric may have; what is more is counted as `other`. Default 2000. */
  readonly maxSeries?: number
  /** Whether the process tells of itself: CPU, memory, event loop, garbage collection. Default true. */
  readonly process?: boolean
  /** Whether values carry the id of the sampled trace that they were observed in. Default true. */
  readonly exemplars?: boolean
}

/** What a route says to have the page: `metrics: true`. */
export type MetricsRule = Readonly<Record<never, never>>

/**
 * Prometheus metrics of every plugin that tells of itself, and a page to scrape them from: `'GET /metrics': { metrics: true }`.
 *
 * @throws RangeError when `maxSeries` is no whole number above 1
 */
export const metrics = (options: MetricsOptions = {}): Plugin<'metrics', MetricsRule> => {
  const { registry, authorize = isLocal, maxSeries = 2000, process = true, exemplars = true } = options
  if (!(Number.isSafeInteger(maxSeries) && maxSeries > 1))
    throw new RangeError(`metrics({ maxSeries }): expected a whole number above 1, got ${maxSeries}`)
  const collection = new Collection(maxSeries, exemplars ? sampledTrace : untraced, () => systemClock.now())
  const page = new Page(collection, registry)
  const worker = cluster.isWorker ? new ClusterWorker(() => page.told(), systemClock) : undefined
  let scrapes = 0
  const registered = new Set<string>()

  /** In the user's registry, as long as we count. */
  const show = (): void => {
    if (registry === undefined || registered.size > 0) return
    for (const { family, refresh } of collection.sources)
      if (register(registry, family, refresh)) registered.add(family.name)
  }

  return {
    name: 'metrics',
    // Inside of everything that answers are otherwise given: they are compressed, timed and traced as others are.
    stage: 'protect',
    rule: z.strictObject({}),
    joined(plugins) {
      if (process) collection.add(processMetrics())
      for (const { telemetry } of plugins) collection.add(telemetry?.metrics ?? [])
      show()
      collection.start()
    },
    http: () =>
      async function metrics(exchange): Promise<Reply> {
        if (!(await authorize(exchange))) return reply(403)
        if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return reply(405, { allow: 'GET, HEAD' })
        scrapes++
        const format = formatFor(exchange)
        return reply(
          200,
          { 'content-type': contentTypes[format], 'cache-control': 'no-store', vary: 'Accept' },
          page.bytes(format, worker),
        )
      },
    async start() {
      show()
      collection.start()
      worker?.start()
    },
    async stop() {
      collection.stop()
      for (const name of registered) registry?.removeSingleMetric(name)
      registered.clear()
      worker?.stop()
    },
    inspect: () => ({
      scrapes,
      series: collection.sources.reduce((all, { family }) => all + family.all.length, 0),
      overflowed: Object.fromEntries(
        collection.sources.flatMap(({ family }) =>
          family.overflowed > 0 ? [[family.name, family.overflowed]] : [],
        ),
      ),
    }),
  }
}

const untraced: Tracing = () => undefined

const sampled = 1

const sampledTrace: Tracing = () => {
  const context = trace.getActiveSpan()?.spanContext()
  return context !== undefined && (context.traceFlags & sampled) === sampled ? context : undefined
}

/** Behind a proxy on the same machine everybody comes from here. */
const isLocal = ({ client, headers }: Exchange): boolean =>
  /^(?:127\.|::1$|::ffff:127\.)/.test(client.address) &&
  headers['x-forwarded-for'] === undefined &&
  headers['forwarded'] === undefined

/** OpenMetrics for those who ask for it at least as gladly (RFC 9110 12.5.1). */
const formatFor = ({ headers }: Exchange): Format => {
  const accepted = parseAccept(fieldOf(headers, 'accept'))
  const quality = (type: string): number =>
    Math.max(0, ...accepted.filter(({ value }) => value.split(';')[0] === type).map(({ quality }) => quality))
  const gladly = quality('application/openmetrics-text')
  return gladly > 0 && gladly >= quality('text/plain') ? 'openmetrics' : 'classic'
}
