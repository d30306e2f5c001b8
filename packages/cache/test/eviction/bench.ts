import { LRUCache } from 'lru-cache'
import { type PolicyName, type Residents, residents } from '../../src/eviction/index.ts'
import { workloads } from './synthetic.ts'
import { cloudPhysics, expectedMisses, hitRate, lirs, optimum, type Trace } from './trace.ts'

// Hit rates of the eviction policies beside the optimum, and what a hit and a miss cost: `npm run bench policies`.

const policies = ['fifo', 'lru', 'lfu', 'arc', 's3fifo', 'adaptive', 'auto'] as const

interface Row {
  readonly label: string
  readonly rates: readonly number[]
  readonly opt: number | undefined
}

const show = (title: string, rows: readonly Row[]): void => {
  const line = (label: string, rates: readonly number[], opt: number | undefined): string => {
    const best = Math.max(...rates)
    const cells = rates.map((rate) => (rate === best ? `**${rate.toFixed(2)}**` : rate.toFixed(2)))
    return `| ${[label, ...cells, opt?.toFixed(2) ?? ''].join(' | ')} |`
  }
  const mean = policies.map((_, i) => rows.reduce((sum, { rates }) => sum + (rates[i] ?? 0), 0) / rows.length)
  console.log(
    [
      `| ${[title, ...policies, 'OPT'].join(' | ')} |`,
      `|---|${policies.map(() => '---:|').join('')}---:|`,
      ...rows.map(({ label, rates, opt }) => line(label, rates, opt)),
      line('mean', mean, undefined),
      '',
    ].join('\n'),
  )
}

const row = (trace: Trace, capacity: number, label: string, opt?: number): Row => ({
  label: `${trace.name} ${label}`,
  rates: policies.map((policy) => hitRate(policy, trace, capacity)),
  opt: opt ?? (trace.weights ? undefined : optimum(trace, capacity)),
})

const cloud = cloudPhysics()
const belady = expectedMisses().get('Belady') ?? []
show('hit rate in per cent', [
  ...(
    [
      ['gli', [250, 500, 1000, 2000]],
      ['loop', [100, 500, 1000]],
      ['multi1', [500, 1000, 2000]],
      ['cs', [500, 1000, 1300]],
      ['sprite', [100, 500, 1000]],
    ] as const
  ).flatMap(([name, capacities]) => {
    const trace = lirs(name)
    return capacities.map((capacity) => row(trace, capacity, `${capacity}`))
  }),
  ...belady.map((misses, i) =>
    row(cloud, (i + 1) * 128 * 2 ** 20, `${(i + 1) * 128} MiB`, 100 - (100 * misses) / cloud.keys.length),
  ),
])
show(
  'made up',
  workloads(1).flatMap((workload) =>
    workload.capacities.map((each) => row(workload, each, each.toLocaleString('en'))),
  ),
)

/** Nanoseconds a step, of the fastest of some rounds: what else the machine does only ever adds. */
const fastest = (steps: number, run: () => number): number => {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 12; round++) {
    const began = process.hrtime.bigint()
    if (run() < 0) throw new Error('nothing was counted')
    least = Math.min(least, Number(process.hrtime.bigint() - began) / steps)
  }
  return least
}

const entries = 10_000
const value = { body: new Uint8Array(100) }
type Value = typeof value
/** Strings as an HTTP parser makes them, not ropes. */
const texts = (count: number, name: string): readonly string[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`GET /cities/${name}/${i}?page=1`).toString('latin1'))
const there = texts(entries, 'there')
/** Some more often than others, in no order. */
const asked = Array.from({ length: 200_000 }, (_, i) => {
  const dice = ((i * 2_654_435_761) % 2 ** 32) / 2 ** 32
  return there[Math.floor(dice ** 2 * entries)] ?? ''
})
const news = texts(100_000, 'new')

type Timed = Pick<Residents<Value>, 'get'> & { put(key: string): void }
const timed = (policy: PolicyName): Timed => {
  const kept = residents<Value>({ policy, maxWeight: entries * 600, seed: 1 })
  return { get: (key) => kept.get(key), put: (key) => void kept.set(key, value, 600) }
}
const raw = (): Timed => {
  const kept = new LRUCache<string, Value>({ maxSize: entries * 600 })
  return { get: (key) => kept.get(key), put: (key) => void kept.set(key, value, { size: 600 }) }
}

const costs = (name: string, make: () => Timed): string => {
  const kept = make()
  for (const key of there) kept.put(key)
  const hit = fastest(asked.length, () => {
    let found = 0
    for (const key of asked) if (kept.get(key) !== undefined) found++
    return found - asked.length
  })
  const miss = fastest(news.length, () => {
    let missed = 0
    for (const key of news) {
      if (kept.get(key) === undefined) missed++
      kept.put(key)
    }
    return missed - 1
  })
  return `| ${name} | ${hit.toFixed(0)} | ${miss.toFixed(0)} |`
}

// Each in a process of its own would be fairer to the first; in turn, all meet call sites that have seen the others.
console.log(
  [
    `| ${entries.toLocaleString('en')} entries, ns | get that hits | get that misses, and set |`,
    '|---|---:|---:|',
    costs('lru-cache itself', raw),
    ...([...policies, 'ttl'] as const).map((policy) => costs(policy, () => timed(policy))),
  ].join('\n'),
)
