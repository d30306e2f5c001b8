import { Cache, redis, redisBackplane, redisLocker } from '@millrace/cache'
import { type Answer, type Order, swr } from './orders.ts'

// One process with a cache of its own, which does what it is told.

const [url = '', prefix = '', deadline = ''] = process.argv.slice(2)
const tier = redis({ url, prefix, deadline })
const cache = new Cache({
  tiers: [tier],
  backplane: redisBackplane(tier),
  locker: redisLocker(tier),
  ttl: '10m',
  swr,
  tierTimeout: deadline,
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
  const { id, key = '', value = '', tag = '', ttl = '10m' } = order
  if (order.what === 'load') {
    const { times = 1, takes = 0 } = order
    const all = Array.from({ length: times }, () => cache.getOrSet(key, load(id, value, takes), { ttl }))
    const loaded = [...new Set(await Promise.all(all))]
    // One behind the answer belongs to the order too.
    while (cache.inspect().loading > 0) await new Promise(setImmediate)
    return loaded
  }
  if (order.what === 'get') return cache.get(key)
  if (order.what === 'set') return cache.set(key, value, { ttl, tags: tag === '' ? [] : [tag] })
  if (order.what === 'delete') return cache.delete(key)
  if (order.what === 'deleteTag') return cache.deleteTag(tag)
  if (order.what === 'clear') return cache.clear()
  if (order.what === 'isHealed')
    return cache.inspect().recovery.waiting === 0 && tier.connection.subscriber.state === 'listening'
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
