import type { Contender } from './contender.ts'
import { adaptive, lru } from './millrace.ts'
import { asyncCacheDedupe, bentocache, cacheable, cacheManager, layeredLoader, raw } from './peers.ts'

export const base = 'raw'
export const own = 'millrace'

export const contenders: Readonly<Record<string, Contender>> = {
  raw,
  millrace: lru,
  'millrace-adaptive': adaptive,
  bentocache,
  cacheable,
  'cache-manager': cacheManager,
  'async-cache-dedupe': asyncCacheDedupe,
  'layered-loader': layeredLoader,
}
