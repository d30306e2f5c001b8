import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import type { Entry } from '../../src/entry.ts'
import type { PolicyName } from '../../src/eviction/index.ts'
import { memory } from '../../src/memory.ts'

// How far this process grows while distinct keys go through a tier: run with --expose-gc, prints JSON.

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '5000000' },
    kind: { type: 'string', default: 'object' },
    policy: { type: 'string', default: 'lru' },
    size: { type: 'string', default: '64mb' },
    thrifty: { type: 'boolean', default: false },
  },
})

// As docs/cache-memory.md says that an app can do it.
if (options.thrifty) setFlagsFromString('--optimize-for-size')

const policies: readonly PolicyName[] = ['lru', 'lfu', 'fifo', 'ttl', 'arc', 's3fifo', 'adaptive', 'auto']
const policy = policies.find((name) => name === options.policy)
if (policy === undefined) throw new RangeError(`--policy: expected one of ${policies.join(', ')}`)

/** Made as an app makes them: nothing is shared between two of them. */
const kinds: Readonly<Record<string, (i: number) => unknown>> = {
  number: (i) => i,
  text: (i) => `a short text with its number ${i}`.repeat(3),
  page: (i) => Buffer.alloc(2000, `${i} `).toString('latin1'),
  object: (i) => ({ id: i, name: `city ${i}`, tags: ['a', `b${i}`], at: { lat: i / 7, lon: i / 3 } }),
  pooled: (i) => Buffer.from(`a short text with its number ${i}`),
  bytes: (i) => new Uint8Array(100).fill(i),
  body: (i) => Buffer.alloc(2000, i),
  large: (i) => Buffer.alloc(64 * 1024, i),
}
const make = kinds[options.kind]
if (make === undefined) throw new RangeError(`--kind: expected one of ${Object.keys(kinds).join(', ')}`)

const collect = globalThis.gc
if (collect === undefined) throw new Error('run with --expose-gc')

interface Footprint {
  readonly rss: number
  readonly held: number
}

const footprint = (): Footprint => {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, held: heapUsed + external }
}

const put = (tier: ReturnType<typeof memory>, i: number): void => {
  const now = 1_767_225_600_000 + i
  const entry: Entry = {
    value: make(i),
    createdAt: now,
    freshUntil: now + 1e12,
    staleUntil: now + 2e12,
    cost: 1.5,
  }
  tier.set(`/cities/${i}?page=1`, entry)
}

const keys = Number(options.keys)

/** The most that the process came to while the keys went through a tier, and what it holds after. */
const through = async (maxSize: string) => {
  const tier = memory({ maxSize, policy, pressure: false })
  let peak = { rss: 0, held: 0 }
  const every = Math.ceil(keys / 400)
  for (let i = 0; i < keys; i++) {
    put(tier, i)
    if (i % every !== 0) continue
    // As a server does between requests: what the platform frees in the background it frees then.
    await new Promise((resolve) => setImmediate(resolve))
    const now = footprint()
    peak = { rss: Math.max(peak.rss, now.rss), held: Math.max(peak.held, now.held) }
  }
  const last = footprint()
  collect()
  collect()
  return { tier, peak, last, after: footprint() }
}

// The same traffic through a tier that keeps next to nothing: what the traffic alone takes of the heap.
const { peak: peakWithout, last: lastWithout, after: before } = await through('1mb')
const { tier, peak, last, after } = await through(options.size)
console.log(
  JSON.stringify({
    counted: tier.bytes,
    entries: [...tier.entries()].length,
    rss: peak.rss - peakWithout.rss,
    held: peak.held - peakWithout.held,
    rssAfter: after.rss - before.rss,
    base: peakWithout.rss,
    last: last.rss - lastWithout.rss,
    kept: after.held - before.held,
  }),
)
