export { type CacheOptions, type CacheRule, cache } from './cache.ts'
export { type Looked, looked, type Stored, stored, type TierFailed, tierFailed } from './events.ts'
export { type MemoryOptions, memory } from './memory.ts'
export type { Entry, Store } from './store.ts'
