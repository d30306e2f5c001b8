import assert from 'node:assert/strict'
import { Cache, redis } from '@millrace/cache'
import { Redis } from 'ioredis'

// One contender, once, in a process of its own: its name, a port and a time; prints JSON. See test/bench/redis.ts.

const [name = '', port = '', milliseconds = '1000'] = process.argv.slice(2)
const keyCount = 10_000
const concurrent = 64

/** Some 2 KB as JSON. */
const cityOf = (id: number): object => ({
  id,
  name: `The city with the number ${id}`,
  at: { lat: id / 7, lon: id / 3 },
  neighbours: Array.from({ length: 24 }, (_, i) => ({
    id: id + i,
    name: `Neighbour ${i} of ${id}`,
    distanceKm: (id * (i + 1)) % 97,
    population: (id * 7919 * (i + 1)) % 1_000_003,
  })),
})

/** 2 KB that do not get smaller. */
const bytesOf = (id: number): Buffer => {
  const bytes = Buffer.alloc(2048)
  let state = id + 1
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

interface Contender {
  set(key: string, id: number): Promise<unknown>
  get(key: string): Promise<unknown>
  /** What `get` brings. */
  readonly expected: (id: number) => unknown
}

const plain = (): Redis => new Redis({ host: '127.0.0.1', port: Number(port), enableAutoPipelining: true })

const ofMillrace = (expected: (id: number) => unknown): Contender => {
  const cache = new Cache({ tiers: [redis({ url: `redis://127.0.0.1:${port}`, deadline: '1s' })], ttl: '1h' })
  const options = { tiers: ['redis'], tierTimeout: '1s' }
  const none = (): never => {
    throw new Error('it was not in Redis')
  }
  return {
    set: (key, id) => cache.set(key, expected(id), options),
    get: (key) => cache.getOrSet(key, none, options),
    expected,
  }
}

const contenders: Readonly<Record<string, () => Contender>> = {
  ioredis: () => {
    const client = plain()
    return {
      set: (key, id) => client.set(key, JSON.stringify(cityOf(id))),
      get: (key) => client.get(key),
      expected: (id) => JSON.stringify(cityOf(id)),
    }
  },
  'ioredis-json': () => {
    const client = plain()
    return {
      set: (key, id) => client.set(key, JSON.stringify(cityOf(id))),
      get: async (key) => JSON.parse((await client.get(key)) ?? ''),
      expected: cityOf,
    }
  },
  'ioredis-bytes': () => {
    const client = plain()
    return {
      set: (key, id) => client.set(key, bytesOf(id)),
      get: (key) => client.getBuffer(key),
      expected: bytesOf,
    }
  },
  millrace: () => ofMillrace(cityOf),
  'millrace-bytes': () => ofMillrace(bytesOf),
}

const make = contenders[name]
if (make === undefined)
  throw new Error(`expected one of ${Object.keys(contenders).join(', ')}, got "${name}"`)
const contender = make()
const keyOf = (id: number): string => `${name}/cities/${id}`

for (let from = 0; from < keyCount; from += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, i) => contender.set(keyOf(from + i), from + i)))
}
const verify = async (): Promise<void> => {
  for (const id of [0, 1, keyCount - 1])
    assert.deepEqual(await contender.get(keyOf(id)), contender.expected(id))
}
await verify()

let asked = 0
/** Each caller asks for keys of its own, or they would share their loads. */
const ask = async (seed: number, until: number): Promise<void> => {
  let state = Math.imul(seed + 1, 2_654_435_761)
  while (performance.now() < until) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    if ((await contender.get(keyOf((state >>> 8) % keyCount))) === undefined)
      throw new Error('nothing was found')
    asked++
  }
}
const run = async (ms: number): Promise<{ readonly ns: number; readonly cpu: number }> => {
  asked = 0
  const began = performance.now()
  const cpu = process.cpuUsage()
  await Promise.all(Array.from({ length: concurrent }, (_, seed) => ask(seed, began + ms)))
  const { user, system } = process.cpuUsage(cpu)
  return { ns: ((performance.now() - began) * 1e6) / asked, cpu: ((user + system) * 1e3) / asked }
}
await run(Number(milliseconds) / 2)
const measured = await run(Number(milliseconds))
await verify()
console.log(JSON.stringify(measured))
process.exit()
