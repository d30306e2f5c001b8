import { turn } from '@millrace/core'
import type { Registry } from 'prom-client'
import type { ClusterWorker } from './cluster.ts'
import type { Collection } from './collection.ts'
import { ends, type Format, linesOf } from './exposition.ts'
import { linesOfTold, type Told, type ToldMetric, toldBy } from './foreign.ts'
import { told } from './registered.ts'

/** Characters that are made before others get their turn: a fraction of a millisecond. */
const portion = 16_384

/** Everything that is told of a process, or of all workers of a cluster. */
export class Page {
  readonly #collection: Collection
  readonly #registry: Registry | undefined

  constructor(collection: Collection, registry: Registry | undefined) {
    this.#collection = collection
    this.#registry = registry
  }

  /**
   * What a scrape reads, in portions between which the event loop goes on, so that a large registry delays no request
   * (prom-client#543: one of 8 MB takes a second at once).
   */
  async *bytes(format: Format, worker: ClusterWorker | undefined): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder()
    let text = ''
    for await (const lines of worker === undefined ? this.#own(format) : merged(worker, format)) {
      text += lines
      if (text.length < portion) continue
      yield encoder.encode(text)
      text = ''
      await turn()
    }
    yield encoder.encode(text + ends[format])
  }

  /** The same, for another process, in portions. */
  async *told(): AsyncGenerator<ToldMetric> {
    for (const { family, refresh } of this.#collection.sources) {
      refresh()
      const { name, help, kind } = family
      yield* portions({ name, help, kind }, told(family))
    }
    yield* this.#foreign()
  }

  async *#own(format: Format): AsyncGenerator<string> {
    for (const { family, refresh } of this.#collection.sources) {
      refresh()
      yield* linesOf(family, format)
    }
    for await (const metric of this.#foreign()) yield* linesOfTold(metric, format)
  }

  /** What others have put into the registry. */
  async *#foreign(): AsyncGenerator<ToldMetric> {
    const own = new Set(this.#collection.sources.map(({ family }) => family.name))
    for (const { name } of this.#registry?.getMetricsAsArray() ?? []) {
      const metric =
        own.has(name) || this.#registry === undefined ? undefined : await toldBy(this.#registry, name)
      if (metric !== undefined) yield metric
    }
  }
}

async function* merged(worker: ClusterWorker, format: Format): AsyncGenerator<string> {
  for (const metric of (await worker.ask()).all()) yield* linesOfTold(metric, format)
}

/** Values that others are kept waiting for. */
const values = 500

async function* portions(
  metric: Omit<ToldMetric, 'values'>,
  all: Iterable<Told>,
): AsyncGenerator<ToldMetric> {
  let some: Told[] = []
  for (const value of all) {
    if (some.push(value) < values) continue
    yield { ...metric, values: some }
    some = []
    await turn()
  }
  yield { ...metric, values: some }
}
