import { Cache, memory } from '@millrace/cache'
import { type Contender, load, ttl } from './contender.ts'

const contender = (policy: 'lru' | 'adaptive'): Contender => ({
  label: `Millrace, ${policy}`,
  make: () => {
    const cache = new Cache({ near: memory({ maxSize: '1gb', policy }), ttl: ttl / 1000 })
    return (key) => cache.getOrSet(key, () => load(key))
  },
})

export const lru: Contender = contender('lru')
export const adaptive: Contender = contender('adaptive')
