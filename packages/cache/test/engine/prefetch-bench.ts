import { Cache, memory } from '@millrace/cache'
import { VirtualClock } from '@millrace/testing'
import { lirs } from '../eviction/trace.ts'

// What prefetch finds in sequences of real programs: see test/bench/prefetch.ts.

const traces = [
  ['gli', 1000],
  ['loop', 500],
  ['multi1', 1000],
  ['cs', 1000],
  ['sprite', 500],
] as const

const run = async (keys: readonly string[], maxEntries: number, isOn: boolean) => {
  const clock = new VirtualClock()
  const near = memory({ maxEntries, maxSize: '1gb', pressure: false, clock })
  const load = (): number => 1
  const cache = new Cache({ near, clock, ttl: '1d', ...(isOn && { prefetch: { load, budget: 0.5 } }) })
  for (const [i, key] of keys.entries()) {
    await cache.getOrSet(key, load)
    // A thousand reads are a second.
    if (i % 10 === 9) await clock.advance(10)
  }
  const { hits, misses, coalesced } = cache.stats
  const { loads = 0, used = 0 } = cache.inspect().prefetch[''] ?? {}
  const found = (hits['memory'] ?? 0) + coalesced
  return { rate: (100 * found) / (found + misses), loads, used }
}

console.log('| trace and entries | without | with | loads ahead for each read | of them used |')
console.log('|---|---:|---:|---:|---:|')
for (const [name, entries] of traces) {
  const keys = lirs(name).keys.slice(0, 60_000)
  const without = await run(keys, entries, false)
  const { rate, loads, used } = await run(keys, entries, true)
  const cells = [
    `${name} ${entries}`,
    without.rate.toFixed(1),
    rate.toFixed(1),
    (loads / keys.length).toFixed(2),
    `${((100 * used) / loads).toFixed(0)} %`,
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
