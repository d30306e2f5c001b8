import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type PolicyName, residents } from '../../src/eviction/index.ts'

/** Requests in their order. */
export interface Trace {
  readonly name: string
  readonly keys: readonly string[]
  /** The weight of what is asked for, if not 1. */
  readonly weights?: readonly number[]
}

const read = (name: string): Buffer =>
  readFileSync(new URL(`../../../../test/bench/traces/${name}`, import.meta.url))

export const lirs = (name: string): Trace => ({
  name,
  keys: gunzipSync(read(`${name}.trace.gz`))
    .toString()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '*'),
})

export const cloudPhysics = (): Trace => {
  const bytes = gunzipSync(read('cloudPhysicsIO.oracleGeneral.bin.gz'))
  const at = Array.from({ length: bytes.length / 24 }, (_, i) => i * 24)
  return {
    name: 'cloudPhysicsIO',
    keys: at.map((offset) => bytes.readBigUInt64LE(offset + 4).toString(36)),
    weights: at.map((offset) => bytes.readUInt32LE(offset + 12)),
  }
}

/** The misses at 128, 256, ... 1024 MiB. */
export const expectedMisses = (): ReadonlyMap<string, readonly number[]> => {
  const { policies }: { policies: Record<string, { miss: number[] }> } = JSON.parse(
    read('cloudPhysicsIO.expected.json').toString(),
  )
  return new Map(Object.entries(policies).map(([name, { miss }]) => [name, miss]))
}

/** How many requests are answered when what is missed is kept; the capacity is in weights where the trace has them. */
export const hits = (policy: PolicyName, { keys, weights }: Trace, capacity: number, seed = 1): number => {
  const kept = residents<true>({
    policy,
    seed,
    ...(weights ? { maxWeight: capacity } : { maxEntries: capacity }),
  })
  let count = 0
  keys.forEach((key, i) => {
    if (kept.get(key) === true) count++
    else kept.set(key, true, weights?.[i] ?? 1)
  })
  return count
}

/** Per cent. */
export const hitRate = (policy: PolicyName, trace: Trace, capacity: number, seed = 1): number =>
  (100 * hits(policy, trace, capacity, seed)) / trace.keys.length

/** Per cent, of entries that all weigh the same: whoever is needed last leaves first (Belady 1966). */
export const optimum = ({ keys }: Trace, capacity: number): number => {
  const next = new Array<number>(keys.length).fill(keys.length)
  const seen = new Map<string, number>()
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] ?? ''
    next[i] = seen.get(key) ?? keys.length + i
    seen.set(key, i)
  }
  // Times of the next use as a tournament: each is in the cache or not, and the last one is wanted.
  const size = 2 ** Math.ceil(Math.log2(2 * keys.length))
  const latest = new Int32Array(2 * size).fill(-1)
  const put = (time: number, isThere: boolean): void => {
    let node = size + time
    latest[node] = isThere ? time : -1
    for (node >>= 1; node > 0; node >>= 1) {
      latest[node] = Math.max(latest[2 * node] ?? -1, latest[2 * node + 1] ?? -1)
    }
  }
  let count = 0
  let held = 0
  keys.forEach((_, i) => {
    const again = next[i] ?? 0
    if (latest[size + i] === i) {
      count++
      put(i, false)
    } else if (held < capacity) held++
    else put(latest[1] ?? 0, false)
    put(again, true)
  })
  return (100 * count) / keys.length
}
