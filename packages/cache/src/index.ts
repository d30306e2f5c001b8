export { type CacheControls, type CacheOptions, type CachePlugin, cache } from './cache.ts'
export type { CallCacheRule } from './calls.ts'
export { DiskError, type DiskOptions, disk } from './disk.ts'
export { type Adaptive, adaptive } from './engine/adaptive.ts'
export { Cache, type CacheConfig, type CacheInspection } from './engine/cache.ts'
export { type CachedOptions, cached } from './engine/cached.ts'
export type { Codec } from './engine/codec.ts'
export type { Factory, LoadContext } from './engine/context.ts'
export type { Key } from './engine/key.ts'
export { type Lazy, lazy } from './engine/lazy.ts'
export type { CallOptions, Options } from './engine/options.ts'
export type { PrefetchInspection, PrefetchOptions } from './engine/prefetch.ts'
export type { Sharing } from './engine/sharing.ts'
export type { Space, SpaceOptions } from './engine/space.ts'
export type { Stats } from './engine/stats.ts'
export type { Entry } from './entry.ts'
export {
  type Loaded,
  type Looked,
  loaded,
  looked,
  type Prefetched,
  prefetched,
  type Read,
  read,
  type Stored,
  stored,
  type TierCalled,
  type TierFailed,
  tierCalled,
  tierFailed,
} from './events.ts'
export { type MemoryOptions, memory } from './memory.ts'
export type { Near } from './near.ts'
export { type Pressure, type PressureOptions, pressure, sharedPressure } from './pressure.ts'
export type { Relief } from './pressure-policy.ts'
export type { Purge } from './purge.ts'
export {
  type Connected,
  type RedisBackplane,
  type RedisLocker,
  type RedisOptions,
  type RedisSource,
  type RedisTier,
  RedisUnavailableError,
  redis,
  redisBackplane,
  redisLocker,
} from './redis/index.ts'
export type { BrowserTerms, CacheRule, TagTerm, Ttl } from './response/rule.ts'
export { cacheOf, type Speech } from './response/speech.ts'
export type { Warmed, WarmOptions, WarmTarget } from './response/warm.ts'
export type { Backplane, Lock, Locker, Notice, Tier, TierItem } from './tier.ts'
