import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '@millrace/core'
import { memoryTier } from '../memory-tier.ts'
import type { Near } from '../near.ts'
import type { Backplane, Locker, Tier } from '../tier.ts'
import { type Codec, frames } from './codec.ts'
import { type Engine, memoryState } from './engine.ts'
import { FarTier } from './far-tier.ts'
import { FarTiers } from './far-tiers.ts'
import { prefixOf } from './key.ts'
import { defaults, type Options, resolve } from './options.ts'
import { Recovery } from './recovery.ts'
import { Space } from './space.ts'
import { Stamps } from './stamps.ts'
import { type Stats, Tally } from './stats.ts'
import { Wire } from './wire.ts'

/** What a cache is made of, and what holds for all of its calls. */
export interface CacheConfig extends Omit<Options, 'tiers'> {
  /** Keeps its keys apart from those of other caches in the same tiers, and names it in events. */
  readonly name?: string
  /** Memory. Default a `memoryTier()`. */
  readonly near?: Near
  /** Beyond memory, nearest first. */
  readonly tiers?: readonly Tier[]
  readonly backplane?: Backplane
  readonly locker?: Locker
  readonly clock?: Clock
  readonly codec?: Codec
  /** From 0 to 1, for `jitter`. */
  readonly random?: () => number
  /** What a load costs, in a unit of one's own, for `stats.saved.units`. Default 0. */
  readonly unitPrice?: number
}

const mostDebts = 10_000

/** What an operator sees of a cache. */
export interface CacheInspection {
  readonly name: string
  readonly stats: Stats
  readonly tiers: Readonly<Record<string, unknown>>
  readonly backplane: { readonly connected: boolean; readonly failures: number }
  readonly recovery: { readonly waiting: number; readonly dropped: number }
  readonly loading: number
  readonly marks: { readonly tags: number; readonly clears: number }
}

/**
 * Values under keys, loaded once for all who ask, kept in memory and in the tiers behind it.
 *
 * @throws RangeError when an option is unknown or out of its range
 */
export class Cache extends Space {
  readonly name: string
  readonly #recovery: Recovery

  constructor(config: CacheConfig) {
    const {
      name,
      tiers = [],
      backplane,
      locker,
      clock = systemClock,
      near = memoryTier({ clock }),
      codec,
      random,
      unitPrice,
      ...rest
    } = config
    const options = resolve(defaults, rest)
    const engine: Engine = {
      ...memoryState(),
      name: name ?? 'cache',
      clock,
      stamps: new Stamps(clock),
      near,
      tally: new Tally(name ?? 'cache', near.name, unitPrice ?? 0),
      locker,
      random: random ?? fraction,
    }
    const recovery = new Recovery(clock, mostDebts)
    const fars = tiers.map((tier) => new FarTier(tier, clock))
    const far = new FarTiers(engine, fars, codec ?? frames, recovery)
    const wire = new Wire(engine, far, backplane, recovery, options)
    super({ engine, far, wire }, name === undefined ? '' : prefixOf(name), options)
    this.name = engine.name
    this.#recovery = recovery
  }

  get stats(): Stats {
    return this.shop.engine.tally.read()
  }

  /** Opens the tiers and listens to the backplane. A tier that does not open is left alone until it does. */
  async start(): Promise<void> {
    const { engine, far, wire } = this.shop
    await engine.near.start?.()
    await Promise.all(far.tiers.map((tier) => tier.start()))
    await wire.start()
  }

  async stop(): Promise<void> {
    const { engine, far, wire } = this.shop
    this.#recovery.stop()
    await wire.stop()
    await Promise.all(far.tiers.map((tier) => tier.stop()))
    await engine.near.stop?.()
  }

  inspect(): CacheInspection {
    const { engine, far, wire } = this.shop
    return {
      name: this.name,
      stats: this.stats,
      tiers: {
        [engine.near.name]: engine.near.inspect(),
        ...Object.fromEntries(far.tiers.map((tier) => [tier.name, tier.inspect()])),
      },
      backplane: { connected: wire.connected, failures: wire.failures },
      recovery: { waiting: this.#recovery.size, dropped: this.#recovery.dropped },
      loading: engine.loads.size,
      marks: { tags: engine.tags.size, clears: engine.clears.size },
    }
  }
}

const fraction = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48
