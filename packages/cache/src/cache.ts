import {
  type Args,
  type Clock,
  type Duration,
  type Exchange,
  type Inject,
  type Plugin,
  type RuleTypes,
  systemClock,
  warn,
} from '@millrace/core'
import { type CallCacheRule, type CallRule, cachedCalls, callSchema } from './calls.ts'
import { Cache } from './engine/cache.ts'
import type { Prefetch } from './engine/prefetch.ts'
import type { Space } from './engine/space.ts'
import { looked } from './events.ts'
import { memory } from './memory.ts'
import type { Near } from './near.ts'
import { matcherOf, type Purge, purgeMatching } from './purge.ts'
import type { PageRequest } from './response/asking.ts'
import { explainCache } from './response/explain.ts'
import { isThere } from './response/foresee.ts'
import type { House } from './response/house.ts'
import { responseCache } from './response/layer.ts'
import { type CacheRule, type Rule, schema } from './response/rule.ts'
import { type Warmed, type WarmOptions, type WarmTarget, warm } from './response/warm.ts'
import { telemetryOf } from './telemetry.ts'
import type { Backplane, Locker, Tier } from './tier.ts'

export interface CacheOptions {
  /** Where replies and results are kept, nearest first: memory (default one `memory()`), then any number of others. */
  readonly tiers?: readonly (Near | Tier)[]
  /** How processes hear of each other. Default: what the first tier offers that has one, as `redis` does. */
  readonly backplane?: Backplane | false
  /** What lets one process run for all. Default: what the first tier offers that has one. */
  readonly locker?: Locker | false
  /** How long a call to a tier or to the locker may take until this process goes on by itself. Default `50ms`. */
  readonly tierTimeout?: Duration
  /** This cache's name in `Cache-Status` (RFC 9211); false for no such field. Default `Millrace`. */
  readonly status?: string | false
  /** Fields that speak to this cache in the place of `Cache-Control`, the most specific first. Default `CDN-Cache-Control`. */
  readonly targets?: readonly string[]
  /** Whether these fields are taken out of replies. Default false. */
  readonly consumeTargets?: boolean
  /** Who may send `PURGE`. Default nobody. */
  readonly authorizePurge?: (exchange: Exchange) => boolean | Promise<boolean>
  /** What a run of a handler or function costs, in a unit of one's own, for `saved.units`. Default 0. */
  readonly unitPrice?: number
}

interface CacheRules extends RuleTypes {
  readonly route: CacheRule | Duration
  readonly call: CallCacheRule<Args<this['args']>> | Duration
}

/** What an operator does with a cache: `mill.cache`. */
export interface CacheControls {
  /**
   * Forgets, in every tier and every process; with `soft`, what is there stays for when the handler fails.
   *
   * @returns how many entries were found; undefined for tags and for everything, which nobody counts
   */
  purge(what: Purge, options?: { readonly soft?: boolean }): Promise<number | undefined>
  /**
   * Asks the app for pages, as clients would, so that they are kept before anybody wants them. What is fresh already is
   * left alone, each request takes a minute at most, and none is begun after the Millrace has been told to stop.
   *
   * @returns what became of each page, in order
   * @throws TypeError, RangeError (as rejections) for a URL without an origin, and when the Millrace has not started;
   * UnmountedError when it is not known where the app is
   */
  warm(targets: readonly WarmTarget[], options?: WarmOptions): Promise<readonly Warmed[]>
}

export type CachePlugin = Plugin<'cache', CacheRules, Rule, CallRule> & { readonly controls: CacheControls }

/**
 * Replies of handlers and results of wrapped functions, kept and served again; concurrent misses run the handler once.
 *
 * @throws TypeError when `tiers` are not memory first, then others
 */
export const cache = (options: CacheOptions = {}): CachePlugin => {
  const { near, far } = sorted(options.tiers ?? [])
  const counts = { hit: 0, stale: 0, coalesced: 0, miss: 0, bypass: 0 }
  let abandoned = 0
  let stopping = new AbortController()
  let inject: Inject | undefined
  let engine: Cache | undefined
  let learner: Prefetch<PageRequest> | undefined
  let clock = systemClock
  let isStarted = false
  /** Of calls whose results have tags: a namespace has tags of its own. */
  const tagged = new Map<string, Space>()

  /** Made when the clock is known: with the first rule. */
  const engineBy = (own: Clock): Cache => {
    if (engine !== undefined) return engine
    clock = own
    const { backplane, locker, tierTimeout, unitPrice } = options
    engine = new Cache({
      clock,
      near: near ?? memory({ clock }),
      tiers: far,
      ...(backplane !== undefined && { backplane }),
      ...(locker !== undefined && { locker }),
      ...(tierTimeout !== undefined && { tierTimeout }),
      ...(unitPrice !== undefined && { unitPrice }),
    })
    if (isStarted) void engine.start()
    return engine
  }

  const house: House = {
    name: options.status === false ? undefined : (options.status ?? 'Millrace'),
    targets: options.targets ?? ['CDN-Cache-Control'],
    consumesTargets: options.consumeTargets ?? false,
    authorizePurge: options.authorizePurge,
    get stopping() {
      return stopping.signal
    },
    slotsOf: ({ eager, lock }, own) =>
      engineBy(own).slots({ values: 'shared', lock, ...(eager !== undefined && { eager }) }),
    learnerOf(slots) {
      learner ??= slots.learner((read) => isThere(slots, read))
      return learner
    },
    count(exchange, outcome, key, bornAt, linked) {
      counts[outcome]++
      if (!looked.hasSubscribers) return
      const age = bornAt === undefined ? undefined : Math.max(0, clock.now() - bornAt) / 1000
      // Some hosts have to look for the route.
      looked.publish({ exchange, route: exchange.route, outcome, key, age, linked })
    },
    abandoned(route) {
      if (abandoned++ > 0) return
      warn({
        code: 'MILLRACE_CACHE_REFRESH',
        message: `cache: a refresh for ${route} took over a minute and was given up; how many are is in inspect()`,
      })
    },
    async forget(page, soft = false) {
      if (soft) await Promise.all([engine?.expire(page), engine?.expireTag(page)])
      else await Promise.all([engine?.delete(page), engine?.deleteTag(page)])
    },
  }

  const purge: CacheControls['purge'] = async (what, { soft = false } = {}) => {
    if (engine === undefined) return 0
    if (what === 'everything') {
      await engine.clear({ soft })
      return undefined
    }
    if ('tag' in what) {
      const tags = typeof what.tag === 'string' ? [what.tag] : what.tag
      const spaces = [engine, ...tagged.values()]
      await Promise.all(
        tags.flatMap((tag) => spaces.map((space) => (soft ? space.expireTag(tag) : space.deleteTag(tag)))),
      )
      return undefined
    }
    const matches = 'url' in what ? matcherOf(what.url, false) : matcherOf(what.pattern, true)
    return purgeMatching(engine, engine.running, matches, (page) => house.forget(page, soft))
  }

  return {
    name: 'cache',
    stage: 'store',
    rule: schema,
    callRule: callSchema,
    shorthand: (value) =>
      typeof value === 'string' || typeof value === 'number' ? { ttl: value } : undefined,
    http: (rule, site) => responseCache(rule, site, house),
    call(rule, { name, clock: own }) {
      const space = engineBy(own).namespace(`call:${name}`, rule.options)
      if (rule.tags.length > 0) tagged.set(name, space)
      return cachedCalls(rule, name, space)
    },
    async start(toApp) {
      inject = toApp
      isStarted = true
      if (stopping.signal.aborted) stopping = new AbortController()
      await engine?.start()
    },
    async stop() {
      stopping.abort()
      await engine?.stop()
    },
    telemetry: telemetryOf(() => engine?.inspect()),
    inspect: () => ({
      ...counts,
      inFlight: engine === undefined ? 0 : [...engine.running].length,
      abandoned,
      ...engine?.inspect(),
    }),
    explain: (rule, question) => explainCache(rule, question, engine?.slots(), clock.now()),
    controls: {
      purge,
      async warm(targets, how = {}) {
        if (inject === undefined)
          throw new TypeError('warm: the Millrace has not started: await mill.start() before')
        return warm(inject, house, clock, targets, how)
      },
    },
  }
}

/** Memory, if it is there, and what lies beyond it. */
const sorted = (tiers: readonly (Near | Tier)[]): { near: Near | undefined; far: Tier[] } => {
  const far: Tier[] = []
  let near: Near | undefined
  for (const [i, tier] of tiers.entries()) {
    if ('getMany' in tier) far.push(tier)
    else if (i === 0) near = tier
    else throw new TypeError(`cache({ tiers }): expected memory first and once, got ${tier.name} at ${i}`)
  }
  return { near, far }
}
