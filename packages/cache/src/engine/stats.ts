import { loaded, type Read, read } from '../events.ts'

/** What a cache has done so far. */
export interface Stats {
  /** By tier. */
  readonly hits: Readonly<Record<string, number>>
  readonly misses: number
  readonly stale: number
  readonly coalesced: number
  readonly loads: number
  readonly failedLoads: number
  /** Milliseconds, of all loads together. */
  readonly loadTime: number
  /** Hits of all reads, 0 to 1. */
  readonly hitRate: number
  /** What the loads that were not needed would have cost: milliseconds, and in the user's own unit. */
  readonly saved: { readonly time: number; readonly units: number }
}

/** Counts, and publishes where somebody listens. */
export class Tally {
  nearHits = 0
  misses = 0
  stale = 0
  coalesced = 0
  loads = 0
  failedLoads = 0
  loadTime = 0
  savedTime = 0
  readonly #name: string
  readonly #nearName: string
  readonly #unitPrice: number
  readonly #farHits = new Map<string, number>()

  constructor(name: string, nearName: string, unitPrice: number) {
    this.#name = name
    this.#nearName = nearName
    this.#unitPrice = unitPrice
  }

  nearHit(key: string, cost: number | undefined): void {
    this.nearHits++
    if (cost !== undefined) this.savedTime += cost
    if (read.hasSubscribers) this.#publish(key, 'hit', this.#nearName)
  }

  farHit(key: string, tier: string, cost: number | undefined): void {
    this.#farHits.set(tier, (this.#farHits.get(tier) ?? 0) + 1)
    this.savedTime += cost ?? 0
    if (read.hasSubscribers) this.#publish(key, 'hit', tier)
  }

  miss(key: string): void {
    this.misses++
    if (read.hasSubscribers) this.#publish(key, 'miss')
  }

  staleHit(key: string, cost: number | undefined): void {
    this.stale++
    this.savedTime += cost ?? 0
    if (read.hasSubscribers) this.#publish(key, 'stale')
  }

  join(key: string): void {
    this.coalesced++
    if (read.hasSubscribers) this.#publish(key, 'coalesced')
  }

  load(key: string, duration: number, error?: unknown): void {
    this.loads++
    this.loadTime += duration
    if (error !== undefined) this.failedLoads++
    if (loaded.hasSubscribers) {
      loaded.publish({ cache: this.#name, key, duration, ...(error !== undefined && { error }) })
    }
  }

  read(): Stats {
    const { nearHits, misses, stale, coalesced, loads, failedLoads, loadTime, savedTime } = this
    let hits = nearHits
    for (const count of this.#farHits.values()) hits += count
    const reads = hits + stale + coalesced + misses
    return {
      hits: { [this.#nearName]: nearHits, ...Object.fromEntries(this.#farHits) },
      misses,
      stale,
      coalesced,
      loads,
      failedLoads,
      loadTime,
      hitRate: reads === 0 ? 0 : (hits + stale) / reads,
      saved: { time: savedTime, units: (hits + stale + coalesced) * this.#unitPrice },
    }
  }

  #publish(key: string, outcome: Read['outcome'], tier?: string): void {
    read.publish({ cache: this.#name, key, outcome, ...(tier !== undefined && { tier }) })
  }
}
