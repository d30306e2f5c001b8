import { type BatcherOptions, batcher } from '@millrace/batch'
import { VirtualClock } from '@millrace/testing'

// How near an adaptive size comes to the best fixed one that holds the same target, on back ends of three kinds whose
// time is virtual and differs by up to a tenth at random.

const target = 50
const seconds = 20
const callers = 3000

const backEnds: readonly (readonly [name: string, took: (items: number) => number])[] = [
  ['a fixed cost: 10 ms', () => 10],
  ['a linear cost: 2 ms + 0.2 ms an item', (items) => 2 + 0.2 * items],
  ['a convex cost: 4 ms + 0.001 ms an item, squared', (items) => 4 + 0.001 * items ** 2],
]

interface Measured {
  /** Items in a millisecond. */
  readonly rate: number
  /** The share of batches that took longer than the target. */
  readonly late: number
  /** Items in the last batch. */
  readonly size: number
}

const measure = async (
  max: BatcherOptions<number>['max'],
  took: (items: number) => number,
): Promise<Measured> => {
  const clock = new VirtualClock()
  let state = 1
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  let items = 0
  let batches = 0
  let late = 0
  let size = 0
  const load = batcher(
    (keys: readonly number[]) => {
      const duration = took(keys.length) * (0.9 + 0.2 * random())
      batches++
      if (duration > target) late++
      items += size = keys.length
      return new Promise<readonly number[]>((resolve) => clock.after(duration, () => resolve(keys)))
    },
    { max, concurrency: 1, timeout: '1h', batchTimeout: '1h', clock },
  )
  let isOver = false
  const call = async (key: number): Promise<void> => {
    while (!isOver) await load(key)
  }
  const all = Array.from({ length: callers }, (_, key) => call(key))
  await clock.advance(seconds * 1000)
  isOver = true
  const measured = { rate: items / (seconds * 1000), late: late / batches, size }
  void load.stop()
  await clock.advance(3_600_000)
  await Promise.all(all)
  return measured
}

const sizes = [1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 240, 300, 500, 1000]

console.log(
  '| one batch at a time, target 50 ms | best fixed size | share of it | over the target | last size |',
)
console.log('|---|---:|---:|---:|---:|')
for (const [name, took] of backEnds) {
  let best = { rate: 0, size: 0 }
  for (const size of sizes) {
    // Those that hold the target but for what is random.
    if (took(size) > target) continue
    const { rate } = await measure(size, took)
    if (rate > best.rate) best = { rate, size }
  }
  const { rate, late, size } = await measure({ max: 1000, target: target / 1000 }, took)
  const share = (part: number): string => `${(part * 100).toFixed(0)} %`
  console.log(`| ${name} | ${best.size} | ${(rate / best.rate).toFixed(2)} | ${share(late)} | ${size} |`)
}
console.log('')
