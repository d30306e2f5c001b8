import type { Trace } from './trace.ts'

type Random = () => number

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
export const randomFrom = (seed: number): Random => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Picks from `count` numbers, the k-th with a frequency of 1 / k^skew. */
const zipf = (count: number, skew: number, random: Random): (() => number) => {
  const sums: number[] = []
  let sum = 0
  for (let i = 1; i <= count; i++) {
    sum += i ** -skew
    sums.push(sum)
  }
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

export interface Workload extends Trace {
  readonly capacities: readonly number[]
}

const exponential = (mean: number, random: Random): number => Math.floor(-Math.log(1 - random()) * mean)

/** What caches meet, each in its pure form, and none of it taken from the traces. */
export const workloads = (seed: number, length = 60_000): readonly Workload[] => {
  const random = randomFrom(seed)
  const workload = (
    name: string,
    capacities: readonly number[],
    ask: (i: number) => number | string,
    weigh?: (key: string) => number,
  ): Workload => {
    const keys = Array.from({ length }, (_, i) => String(ask(i)))
    return { name, capacities, keys, ...(weigh ? { weights: keys.map(weigh) } : {}) }
  }

  const scan = (pick: () => number, chance: number, long: number): (() => number | string) => {
    let [left, at] = [0, 0]
    return () => {
      if (left === 0 && random() < chance) left = long
      if (left === 0) return pick()
      left--
      return `scan ${at++}`
    }
  }
  const loops = (...parts: readonly (readonly [share: number, long: number])[]): (() => string) => {
    const at = parts.map(() => 0)
    return () => {
      let dice = random()
      const chosen = Math.max(
        0,
        parts.findIndex(([share]) => {
          dice -= share
          return dice < 0
        }),
      )
      const place = at[chosen] ?? 0
      at[chosen] = (place + 1) % (parts[chosen]?.[1] ?? 1)
      return `${chosen} ${place}`
    }
  }
  const stack = (mean: number): (() => number) => {
    const recent: number[] = []
    let newest = 0
    return () => {
      const depth = exponential(mean, random)
      const again = random() < 0.05 ? undefined : recent.splice(depth, 1)[0]
      const key = again ?? newest++
      recent.unshift(key)
      if (recent.length > 2000) recent.pop()
      return key
    }
  }
  const skewed = zipf(10_000, 0.9, random)
  const hot = zipf(1500, 0.9, random)
  const heavy = (key: string): number => 512 + ((Number(key) * 2_654_435_761) % 20_000)
  const phases = [loops([1, 700]), zipf(3000, 0.9, random), stack(200)] as const

  return [
    workload('zipf 0.7', [100, 2000], zipf(10_000, 0.7, random)),
    workload('zipf 0.9', [100, 500, 2000], skewed),
    workload('zipf 1.1', [500], zipf(10_000, 1.1, random)),
    workload('zipf and scans', [100, 500, 1500], scan(zipf(5000, 0.9, random), 0.0005, 1500)),
    workload('one loop', [100, 400, 750], loops([1, 800])),
    workload('three loops', [150, 600, 1500], loops([0.5, 200], [0.3, 900], [0.2, 3000])),
    workload('shifting hot set', [100, 400, 1000], (i) => Math.floor(i / 15_000) * 1500 + hot()),
    workload('drifting hot set', [100, 400], (i) => Math.floor(i / 40) + (hot() % 1000)),
    workload('recent again', [50, 150, 400], stack(120)),
    workload(
      'phases',
      [100, 500, 1000],
      (i) => `${Math.floor(i / 20_000)} ${phases[Math.floor(i / 20_000) % 3]?.()}`,
    ),
    workload('newest', [100, 400], (i) => Math.max(0, Math.floor(i / 3) - exponential(300, random))),
    workload('sizes', [1e6, 5e6, 2e7], skewed, heavy),
  ]
}
