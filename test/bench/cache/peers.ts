import { createCache as dedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { createCache } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Loader } from 'layered-loader'
import { LRUCache } from 'lru-cache'
import { type City, type Contender, load, room, ttl } from './contender.ts'

// Each as its own pages show it, with room for everything and the same time to live.

export const raw: Contender = {
  label: 'lru-cache itself: `get`, and one `await`',
  make: () => {
    const cache = new LRUCache<string, City>({ max: room })
    const miss = async (key: string): Promise<City> => {
      const value = await load(key)
      cache.set(key, value)
      return value
    }
    return (key) => {
      const value = cache.get(key)
      return value === undefined ? miss(key) : Promise.resolve(value)
    }
  },
}

export const bentocache: Contender = {
  label: 'bentocache',
  make: () => {
    const cache = new BentoCache({
      default: 'memory',
      stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: room })) },
    })
    return (key) => cache.getOrSet({ key, ttl, factory: () => load(key) })
  },
}

export const cacheable: Contender = {
  label: 'cacheable',
  make: () => {
    const cache = new Cacheable({ ttl })
    return (key) => cache.getOrSet(key, () => load(key), { ttl })
  },
}

export const cacheManager: Contender = {
  label: 'cache-manager: `wrap`',
  make: () => {
    const cache = createCache({ ttl })
    return (key) => cache.wrap(key, () => load(key))
  },
}

export const asyncCacheDedupe: Contender = {
  label: 'async-cache-dedupe',
  make: () => {
    const cache = dedupe({ ttl: ttl / 1000, storage: { type: 'memory', options: { size: room } } }).define(
      'load',
      load,
    )
    return (key) => cache.load(key)
  },
}

export const layeredLoader: Contender = {
  label: 'layered-loader',
  make: () => {
    const loader = new Loader<City>({
      inMemoryCache: { cacheType: 'lru-map', maxItems: room, ttlInMsecs: ttl },
      dataSources: [{ name: 'cities', get: load, getMany: (keys) => Promise.all(keys.map(load)) }],
    })
    return (key) => loader.get(key)
  },
}
