import cluster, { type Worker } from 'node:cluster'
import { type Clock, turn, within } from '@millrace/core'
import type { Told, ToldMetric } from './foreign.ts'

/** A worker asks all others what they have counted. */
interface Ask {
  readonly millrace: 'metrics'
  readonly kind: 'ask'
  readonly id: string
  /** Which of a process's pages asks: the same of the others answers. */
  readonly page: number
  /** Worker. */
  readonly from: number
}

/** The primary says who is going to answer. */
interface Asked {
  readonly millrace: 'metrics'
  readonly kind: 'asked'
  readonly id: string
  readonly workers: readonly number[]
}

/** Some values of a metric; without one it was the last part. */
interface Part {
  readonly millrace: 'metrics'
  readonly kind: 'part'
  readonly id: string
  readonly from: number
  readonly to: number
  readonly metric?: ToldMetric
}

type Message = Ask | Asked | Part

const isMessage = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && 'millrace' in message && message.millrace === 'metrics'

/** How long the others are waited for, and the primary, in milliseconds. */
const patience = 2000
const short = 200

let isRelaying = false

/** A worker may leave at any moment; then nobody is told. */
const send = (worker: Worker, message: Message): void => {
  if (worker.isConnected()) worker.send(message, () => undefined)
}

const sendUp = (message: Message): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/**
 * For the primary of a `node:cluster`: lets each worker's page tell of all of them. The primary only hands messages on.
 * Counters and histograms are added up; of gauges and summaries each worker has its own, with a label `worker`; one that
 * they have of that name becomes `exported_worker`.
 */
export const relayMetrics = (): void => {
  if (!cluster.isPrimary || isRelaying) return
  isRelaying = true
  cluster.on('message', (worker, message: unknown) => {
    if (!isMessage(message)) return
    const { workers = {} } = cluster
    const to = message.kind === 'part' ? workers[message.to] : undefined
    if (to !== undefined) send(to, message)
    if (message.kind !== 'ask') return
    const others = Object.values(workers).filter((other) => other !== undefined && other.id !== worker.id)
    const connected = others.flatMap((other) => (other?.isConnected() ? [other] : []))
    const { id } = message
    send(worker, { millrace: 'metrics', kind: 'asked', id, workers: connected.map((other) => other.id) })
    for (const other of connected) send(other, message)
  })
}

/** What one worker has asked for. */
class Asking {
  /** By worker; of one that dies in between there is half. */
  readonly #parts = new Map<number, ToldMetric[]>()
  readonly #complete = new Set<number>()
  readonly #asked = Promise.withResolvers<void>()
  readonly #done = Promise.withResolvers<void>()
  #workers: readonly number[] | undefined

  hear(message: Asked | Part): void {
    if (message.kind === 'asked') {
      this.#workers = message.workers
      this.#asked.resolve()
    } else if (message.metric === undefined) this.#complete.add(message.from)
    else {
      const parts = this.#parts.get(message.from)
      if (parts === undefined) this.#parts.set(message.from, [message.metric])
      else parts.push(message.metric)
    }
    if (this.#workers?.every((worker) => this.#complete.has(worker))) this.#done.resolve()
  }

  /** Rejects when somebody does not answer. */
  async wait(clock: Clock): Promise<void> {
    await within(clock, short, this.#asked.promise, 'the primary relays no metrics')
    await within(clock, patience, this.#done.promise, 'not every worker has answered')
  }

  /** What those have told that have told all. */
  *told(): Generator<readonly [metric: ToldMetric, worker: number]> {
    for (const worker of this.#complete)
      for (const metric of this.#parts.get(worker) ?? []) yield [metric, worker]
  }
}

let pages = 0

/** A worker's side: tells what it has counted, and asks the others. */
export class ClusterWorker {
  readonly #told: () => AsyncIterable<ToldMetric>
  readonly #clock: Clock
  readonly #asking = new Map<string, Asking>()
  readonly #listener = (message: unknown): void => this.#hear(message)
  readonly #page = ++pages
  #asks = 0

  /** @param told everything that this process has counted, in portions */
  constructor(told: () => AsyncIterable<ToldMetric>, clock: Clock) {
    this.#told = told
    this.#clock = clock
  }

  start(): void {
    process.on('message', this.#listener)
  }

  stop(): void {
    process.off('message', this.#listener)
  }

  /** What all workers have counted; of those that do not answer in time, nothing. */
  async ask(): Promise<MergedMetrics> {
    const own = cluster.worker?.id ?? 0
    const page = this.#page
    const id = `${process.pid} ${page} ${++this.#asks}`
    const metrics = new MergedMetrics()
    const asking = new Asking()
    this.#asking.set(id, asking)
    try {
      sendUp({ millrace: 'metrics', kind: 'ask', id, page, from: own })
      for await (const metric of this.#told()) metrics.add(metric, own)
      if (process.connected) await asking.wait(this.#clock)
    } catch {
      // What came is told.
    } finally {
      this.#asking.delete(id)
    }
    for (const [metric, worker] of asking.told()) {
      metrics.add(metric, worker)
      await turn()
    }
    return metrics
  }

  #hear(message: unknown): void {
    if (!isMessage(message)) return
    if (message.kind !== 'ask') this.#asking.get(message.id)?.hear(message)
    else if (message.page === this.#page) void this.#tell(message).catch(() => undefined)
  }

  async #tell({ id, from: to }: Ask): Promise<void> {
    const base = { millrace: 'metrics', kind: 'part', id, to, from: cluster.worker?.id ?? 0 } as const
    for await (const metric of this.#told()) sendUp({ ...base, metric })
    sendUp(base)
  }
}

/** A label of that name of somebody's own gets the name that Prometheus gives such ones when it scrapes. */
const withWorker = ({ worker: own, ...labels }: Told['labels'], worker: number): Told['labels'] => ({
  ...labels,
  ...(own !== undefined && { exported_worker: own }),
  worker,
})

/** Metrics of several processes as one's. */
export class MergedMetrics {
  readonly #byName = new Map<string, { readonly metric: ToldMetric; readonly values: Map<string, Told> }>()

  add({ values, ...metric }: ToldMetric, worker: number): void {
    let known = this.#byName.get(metric.name)
    if (known === undefined) {
      known = { metric: { ...metric, values: [] }, values: new Map() }
      this.#byName.set(metric.name, known)
    }
    for (const value of values) {
      const isOwn = metric.kind === 'gauge' || metric.kind === 'summary'
      const told = isOwn ? { ...value, labels: withWorker(value.labels, worker) } : value
      const key = JSON.stringify([told.metricName, Object.entries(told.labels).sort()])
      const before = known.values.get(key)
      known.values.set(key, before === undefined ? told : { ...told, value: before.value + told.value })
    }
  }

  *all(): Generator<ToldMetric> {
    for (const { metric, values } of this.#byName.values()) yield { ...metric, values: [...values.values()] }
  }
}
