import { type Clock, turn, within } from '@millrace/core'
import type { Entry } from '../entry.ts'
import { sizeOf } from '../size-of.ts'
import type { TierItem } from '../tier.ts'
import type { Codec } from './codec.ts'
import type { FarTier } from './far-tier.ts'
import { itemOf } from './item.ts'
import { Kept } from './kept.ts'
import type { Resolved } from './options.ts'

/** What waits is held beside memory's own bound. */
const mostBytes = 16 * 2 ** 20
/** Of one write: framing takes time in which nobody else has a turn. */
const batchBytes = 2 ** 18
const batchCount = 64
/** What an entry that waits takes besides its value. */
const overhead = 500

/** What an operator sees of it. */
export interface Demoted {
  readonly tier: string
  readonly written: number
  /** Not written, as too many waited or the tier failed. */
  readonly dropped: number
  readonly waiting: number
}

/**
 * Writes what memory lets go of to a tier: a victim cache (Jouppi, ISCA 1990), as the flash behind the memory of CacheLib
 * (OSDI 2020). Behind everybody's back, bounded, and never older than what is known.
 */
export class Demotion {
  readonly #far: FarTier
  readonly #codec: Codec
  readonly #clock: Clock
  readonly #options: Resolved
  readonly #holds: (key: string, kept: Kept) => boolean
  readonly #waiting = new Map<string, { readonly kept: Kept; readonly bytes: number }>()
  /** Options other than the cache's. */
  readonly #own = new WeakMap<Kept, Resolved>()
  /** What the tier has as it is. */
  readonly #there = new WeakSet<Kept>()
  #bytes = 0
  #written = 0
  #dropped = 0
  #draining: Promise<void> | undefined

  /** @param holds whether a value may still be given to anybody */
  constructor(
    far: FarTier,
    codec: Codec,
    clock: Clock,
    options: Resolved,
    holds: (key: string, kept: Kept) => boolean,
  ) {
    this.#far = far
    this.#codec = codec
    this.#clock = clock
    this.#options = options
    this.#holds = holds
  }

  /** Told of what is kept in memory, by which options, and whether it comes from the tier. */
  keep(kept: Kept, options: Resolved, isThere: boolean): void {
    if (options !== this.#options) this.#own.set(kept, options)
    if (isThere) this.#there.add(kept)
  }

  /** Takes what memory does not hold any more. */
  offer(key: string, entry: Entry): void {
    if (!(entry instanceof Kept) || this.#there.has(entry) || !this.#isMeant(entry)) return
    const bytes = weigh(entry.value)
    this.#forget(key)
    if (bytes === undefined || this.#bytes + bytes > mostBytes || !this.#far.open) {
      this.#dropped++
      return
    }
    this.#waiting.set(key, { kept: entry, bytes })
    this.#bytes += bytes
    this.#draining ??= this.#drain()
  }

  /** What was created until then is not written any more. */
  fence(key: string, at: number): void {
    const known = this.#waiting.get(key)
    if (known !== undefined && known.kept.createdAt <= at) this.#forget(key)
  }

  /** Until nothing waits any more, or rejects after `limit` milliseconds. */
  async flush(limit: number): Promise<void> {
    await within(this.#clock, limit, this.#draining ?? Promise.resolve(), `${this.#far.name} took too long`)
  }

  inspect(): Demoted {
    return {
      tier: this.#far.name,
      written: this.#written,
      dropped: this.#dropped,
      waiting: this.#waiting.size,
    }
  }

  #isMeant(kept: Kept): boolean {
    const { tiers } = this.#optionsOf(kept)
    return tiers === undefined || tiers.includes(this.#far.name)
  }

  #optionsOf(kept: Kept): Resolved {
    return this.#own.get(kept) ?? this.#options
  }

  #forget(key: string): void {
    this.#bytes -= this.#waiting.get(key)?.bytes ?? 0
    this.#waiting.delete(key)
  }

  async #drain(): Promise<void> {
    do {
      await turn()
      const batch = this.#next()
      const items = await Promise.all(batch.map(([key, kept]) => this.#item(key, kept)))
      // What was invalidated while it was framed does not wait any more.
      const ready = items.filter(
        (item, i): item is TierItem =>
          item !== undefined && this.#waiting.get(batch[i]?.[0] ?? '')?.kept === batch[i]?.[1],
      )
      await this.#write(ready)
      for (const [key, kept] of batch) if (this.#waiting.get(key)?.kept === kept) this.#forget(key)
    } while (this.#waiting.size > 0)
    this.#draining = undefined
  }

  #next(): (readonly [string, Kept])[] {
    const batch: (readonly [string, Kept])[] = []
    let sum = 0
    for (const [key, { kept, bytes }] of this.#waiting) {
      if (batch.length >= batchCount || (batch.length > 0 && sum + bytes > batchBytes)) break
      batch.push([key, kept])
      sum += bytes
    }
    return batch
  }

  async #write(items: readonly TierItem[]): Promise<void> {
    if (items.length === 0) return
    const done = await this.#far.call('set', this.#options.tierTimeout, (tier) => tier.setMany(items))
    if (done === undefined) this.#dropped += items.length
    else this.#written += items.length
  }

  /** @returns undefined for what nobody may be given, or no frame can hold */
  async #item(key: string, kept: Kept): Promise<TierItem | undefined> {
    if (!this.#holds(key, kept)) return undefined
    const ttl = this.#optionsOf(kept).tierTtl.get(this.#far.name) ?? Number.POSITIVE_INFINITY
    try {
      const freshUntil = Math.min(kept.freshUntil, this.#clock.now() + ttl)
      return await itemOf(this.#codec, key, kept, freshUntil)
    } catch (error) {
      this.#far.fail('set', error)
      return undefined
    }
  }
}

const weigh = (value: unknown): number | undefined => {
  try {
    return sizeOf(value) + overhead
  } catch {
    return undefined
  }
}
