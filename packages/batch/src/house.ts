import type { Health, Site } from '@millrace/core'
import { Engine, type EngineParts } from './engine.ts'
import { BatchStoppedError } from './errors.ts'
import { type Inspected, Stats } from './stats.ts'

/** Loads one item; the priority is the higher, the sooner. */
export type Loader<K, V> = (key: K, signal: AbortSignal, priority: number) => Promise<V>

/** What is to be known of an engine without knowing its items. */
interface Opened {
  readonly stats: Stats
  readonly gathering: { readonly queue: number }
  readonly isIdle: boolean
  inspect(): Inspected
  idle(): Promise<void>
  drain(): Promise<void>
}

/** How many names are told of: those that were configured last. */
const mostNames = 10_000

/** Everything that is gathered on routes and around calls. */
export class House {
  readonly #random: () => number
  /** By the names of routes and calls: those that the table made last. */
  readonly #engines = new Map<string, Opened>()
  /** Those that have something to do, also when the table has been replaced meanwhile. */
  readonly #busy = new Set<Opened>()
  #isStopped = false

  constructor(random: () => number) {
    this.#random = random
  }

  /** Gathers at one place of the table. */
  open<K, V>(
    { name, clock }: Site,
    parts: Pick<EngineParts<K, V>, 'many' | 'gathering' | 'key' | 'groupBy'>,
  ): Loader<K, V> {
    const stats = this.#engines.get(name)?.stats ?? new Stats()
    const engine = new Engine<K, V>({ ...parts, name, clock, random: this.#random, memo: 0, stats })
    this.#engines.delete(name)
    this.#engines.set(name, engine)
    if (this.#engines.size > mostNames) {
      const [oldest = ''] = this.#engines.keys()
      this.#engines.delete(oldest)
    }
    return (key, signal, priority) => {
      if (this.#isStopped) return Promise.reject(new BatchStoppedError(name))
      const loading = engine.load(key, signal, parts.gathering.timeout, priority)
      if (!this.#busy.has(engine)) void this.#attend(engine)
      return loading
    }
  }

  async #attend(engine: Opened): Promise<void> {
    this.#busy.add(engine)
    // Something may have come since it had nothing to do.
    do await engine.idle()
    while (!engine.isIdle)
    this.#busy.delete(engine)
  }

  start(): void {
    this.#isStopped = false
  }

  /** Takes no more. @returns when everybody who was accepted has been told */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#busy].map((engine) => engine.drain()))
  }

  inspect(): Readonly<Record<string, Inspected>> {
    return Object.fromEntries([...this.#engines].map(([name, engine]) => [name, engine.inspect()]))
  }

  health(): Health {
    const full = [...this.#engines].filter(([, engine]) => engine.inspect().waiting >= engine.gathering.queue)
    if (full.length === 0) return { status: 'ok' }
    return {
      status: 'degraded',
      detail: `as many wait as may: ${full.map(([name]) => `"${name}"`).join(', ')}`,
    }
  }
}
