import { Cache, disk, memory, redisBackplane, redisLocker } from '@millrace/cache'

/**
 * What each process of the machine makes for itself: a small memory of its own, and a disk tier that is the same file for
 * all of them.
 *
 * @param redisUrl tells them of each other's writes; without it they find out when what is in their memory has ended
 */
export function createCache(path: string, redisUrl: string | undefined): Cache {
  const near = memory({ maxSize: '16mb' })
  const tiers = [disk({ path, maxSize: '256mb' })]
  const ttl = '10m'
  if (redisUrl === undefined) return new Cache({ near, tiers, ttl, tierTtl: { memory: '1s' } })
  const backplane = redisBackplane(redisUrl)
  return new Cache({ near, tiers, ttl, backplane, locker: redisLocker(backplane), lock: true })
}
