import { type Clock, systemClock, systemRandom } from '@millrace/core'
import type { Entry } from '../entry.ts'
import { memory } from '../memory.ts'
import type { Near } from '../near.ts'
import type { Backplane, Locker, Tier } from '../tier.ts'
import { type Codec, frames } from './codec.ts'
import { type Demoted, Demotion } from './demotion.ts'
import { type Engine, holds, memoryState } from './engine.ts'
import { FarTier } from './far-tier.ts'
import { FarTiers } from './far-tiers.ts'
import { prefixOf } from './key.ts'
import { defaults, resolve } from './options.ts'
import { turnPart } from './part.ts'
import type { PrefetchInspection } from './prefetch.ts'
import { Recovery } from './recovery.ts'
import { Space, type SpaceOptions } from './space.ts'
import { Stamps } from './stamps.ts'
import { type Stats, Tally } from './stats.ts'
import { Wire } from './wire.ts'

/** What a cache is made of, and what holds for all of its calls. */
export interface CacheConfig extends Omit<SpaceOptions, 'tiers'> {
  /** Keeps its keys apart from those of other caches in the same tiers, and names it in events. */
  readonly name?: string
  /** Memory. Default a `memory()`. */
  readonly near?: Near
  /** Beyond memory, nearest first. */
  readonly tiers?: readonly Tier[]
  /**
   * The one of `tiers`, by name, that holds what memory lets go of and nothing else: a set does not write to it, an
   * eviction does, as long as it keeps up. Default none.
   */
  readonly demote?: string
  /** How processes hear of each other. Default: what the first tier offers that has one; false for none. */
  readonly backplane?: Backplane | false
  /** What lets one process load for all. Default: what the first tier offers that has one; false for none. */
  readonly locker?: Locker | false
  readonly clock?: Clock
  readonly codec?: Codec
  /** From 0 to 1, for `jitter`. */
  readonly random?: () => number
  /** What a load costs, in a unit of one's own, for `stats.saved.units`. Default 0. */
  readonly unitPrice?: number
}

const mostDebts = 10_000
/** How long what is owed may hold up the end, in milliseconds. */
const farewell = 2000

/** What an operator sees of a cache. */
export interface CacheInspection {
  readonly name: string
  readonly stats: Stats
  readonly tiers: Readonly<Record<string, unknown>>
  readonly backplane: { readonly connected: boolean; readonly failures: number }
  readonly recovery: { readonly waiting: number; readonly dropped: number }
  readonly demotion?: Demoted
  /** By the prefix of the namespace. */
  readonly prefetch: Readonly<Record<string, PrefetchInspection>>
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
      demote,
      backplane = tiers.find((tier) => tier.backplane !== undefined)?.backplane?.(),
      locker = tiers.find((tier) => tier.locker !== undefined)?.locker?.(),
      clock = systemClock,
      near = memory({ clock }),
      codec = frames,
      random,
      unitPrice,
      prefetch,
      ...rest
    } = config
    const options = resolve(defaults, rest)
    const fars = tiers.map((tier) => new FarTier(tier, clock, tier.name === demote))
    const victim = fars.find(({ isVictim }) => isVictim)
    if (demote !== undefined && victim === undefined)
      throw new RangeError(`demote: expected the name of one of the tiers, got ${JSON.stringify(demote)}`)
    const engine: Engine = {
      ...memoryState(),
      name: name ?? 'cache',
      clock,
      stamps: new Stamps(clock),
      near,
      tally: new Tally(name ?? 'cache', near.name, unitPrice ?? 0),
      locker: locker || undefined,
      demotion:
        victim && new Demotion(victim, codec, clock, options, (key, kept) => holds(engine, key, kept)),
      random: random ?? systemRandom,
    }
    const recovery = new Recovery(clock, mostDebts)
    const far = new FarTiers(engine, fars, codec, recovery, (notice) => wire.publish(notice))
    const wire = new Wire(engine, far, backplane || undefined, recovery, options)
    super({ engine, far, wire }, name === undefined ? '' : prefixOf(name), options, prefetch)
    this.name = engine.name
    demoteEvicted(engine)
    this.#recovery = recovery
  }

  /** Keys of runs under way: see `Slots`. */
  get running(): Iterable<string> {
    return this.shop.engine.runs.keys()
  }

  get stats(): Stats {
    return this.shop.engine.tally.read()
  }

  /**
   * Opens the tiers and listens to the backplane. A tier that does not open, or takes longer than 5 seconds, is left alone
   * until it does.
   */
  async start(): Promise<void> {
    const { engine, far, wire } = this.shop
    const { clock, near } = engine
    this.#recovery.start()
    await Promise.all([
      turnPart(clock, near.name, 'start', async () => near.start?.()),
      ...far.tiers.map((tier) => tier.turn('start')),
    ])
    await wire.start()
  }

  /**
   * Writes and tells what is still owed, for 2 seconds at most, and closes tiers, backplane and locker; what takes longer
   * than 5 seconds to close is left alone.
   */
  async stop(): Promise<void> {
    const { engine, far, wire } = this.shop
    const { clock, near, locker, demotion } = engine
    await Promise.all([this.#recovery.stop(farewell), demotion?.flush(farewell).catch(() => {})])
    await Promise.all([
      wire.stop(),
      ...far.tiers.map((tier) => tier.turn('stop')),
      turnPart(clock, 'locker', 'stop', async () => locker?.stop?.()),
      turnPart(clock, near.name, 'stop', async () => near.stop?.()),
    ])
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
      ...(engine.demotion && { demotion: engine.demotion.inspect() }),
      prefetch: engine.prefetches.inspect(),
      loading: engine.loads.size,
      marks: { tags: engine.tags.size, clears: engine.clears.size },
    }
  }
}

/** A near tier may have somebody who listens already. */
const demoteEvicted = (engine: Engine): void => {
  const { near, demotion } = engine
  if (demotion === undefined) return
  const before = near.onEvicted
  const evicted = (key: string, entry: Entry): void => {
    before?.(key, entry)
    demotion.offer(key, entry)
  }
  near.onEvicted = evicted
}
