import { Adaptive } from './adaptive.ts'
import { Arc } from './arc.ts'
import { Auto } from './auto.ts'
import { Fifo } from './fifo.ts'
import { seededHash } from './hash.ts'
import { Keep } from './keep.ts'
import { Lfu } from './lfu.ts'
import { Lru } from './lru.ts'
import type { Order } from './order.ts'
import type { Bounds, Evicted, PolicyName, Residents, Value } from './residents.ts'
import { S3Fifo } from './s3fifo.ts'
import { Ttl } from './ttl.ts'

export interface ResidentsOptions<V> extends Bounds {
  readonly policy: PolicyName
  readonly evicted?: Evicted<V>
  /** For the hash of keys. Another one in each process, so that nobody can choose keys that collide. */
  readonly seed: number
}

/**
 * Values in this process, bounded by `maxEntries`, `maxWeight` or both.
 *
 * @throws RangeError when a bound is not a positive whole number, or there is none
 */
export const residents = <V extends Value>({
  policy,
  maxEntries = Number.POSITIVE_INFINITY,
  maxWeight = Number.POSITIVE_INFINITY,
  evicted,
  seed,
}: ResidentsOptions<V>): Residents<V> => {
  for (const [name, bound] of Object.entries({ maxEntries, maxWeight })) {
    if (bound === Number.POSITIVE_INFINITY || (Number.isSafeInteger(bound) && bound > 0)) continue
    throw new RangeError(`residents({ ${name} }): expected a positive whole number, got ${bound}`)
  }
  const capacity = maxWeight === Number.POSITIVE_INFINITY ? maxEntries : maxWeight
  if (capacity === Number.POSITIVE_INFINITY) {
    throw new RangeError('residents({ maxEntries, maxWeight }): expected at least one of them')
  }
  const bounds = [maxEntries, maxWeight] as const
  if (policy === 'lru') return new Lru(bounds, evicted)
  const hash = seededHash(seed)
  const order = (): Order<V> => {
    switch (policy) {
      case 'fifo':
        return new Fifo()
      case 'lfu':
        return new Lfu()
      case 'ttl':
        return new Ttl()
      case 'arc':
        return new Arc(capacity)
      case 's3fifo':
        return new S3Fifo(capacity)
      case 'adaptive':
        return new Adaptive(capacity)
      case 'auto':
        return new Auto(bounds, capacity, hash)
    }
  }
  return new Keep(policy, bounds, order, hash, evicted)
}
