import { Cache, redis, redisBackplane, redisLocker } from '@millrace/cache'
import type { Answer, Order } from './orders.ts'

// One process with a cache of its own, which does what it is told.

const [url = '', prefix = ''] = process.argv.slice(2)
const tier = redis({ url, prefix })
const cache = new Cache({
  tiers: [tier],
  backplane: redisBackplane(tier),
  locker: redisLocker(tier),
  ttl: '10m',
  lock: '1s',
})

const say = (answer: Answer): void => {
  process.send?.(answer)
}

let loads = 0

const load = (id: number, value: string, takes: number) => async (): Promise<string> => {
  loads++
  say({ id, loading: true })
  await new Promise((resolve) => setTimeout(resolve, takes))
  return value
}

const obey = async (order: Order): Promise<unknown> => {
  const { id, key = '', value = '', tag = '' } = order
  if (order.what === 'load') {
    const { times = 1, takes = 0 } = order
    const all = Array.from({ length: times }, () => cache.getOrSet(key, load(id, value, takes)))
    return [...new Set(await Promise.all(all))]
  }
  if (order.what === 'get') return cache.get(key)
  if (order.what === 'set') return cache.set(key, value, tag === '' ? {} : { tags: [tag] })
  if (order.what === 'delete') return cache.delete(key)
  if (order.what === 'deleteTag') return cache.deleteTag(tag)
  if (order.what === 'clear') return cache.clear()
  return loads
}

process.on('message', (order: Order) => {
  void obey(order).then(
    (result) => say({ id: order.id, result }),
    (error: unknown) => say({ id: order.id, error: String(error) }),
  )
})
process.once('disconnect', () => process.exit())

await cache.start()
say({ id: 0 })
