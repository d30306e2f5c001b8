import assert from 'node:assert/strict'
import { load } from './contender.ts'
import { contenders } from './contenders.ts'

// One contender, once, in a process of its own: run with --expose-gc and its name, prints JSON.

const [name = '', count = '50000', milliseconds = '600'] = process.argv.slice(2)
const contender = contenders[name]
const collect = globalThis.gc
if (contender === undefined || collect === undefined) throw new Error('expected --expose-gc and a contender')

/** Strings as an HTTP parser makes them, not ropes. */
const keys = Array.from({ length: Number(count) }, (_, i) =>
  Buffer.from(`/countries/12/cities/${i}`).toString('latin1'),
)

/** Zipf: the n-th key 1/n as often as the first; by inverse transform, the ranks strewn over the keys. */
const zipf = (length: number): readonly string[] => {
  const sums = new Float64Array(keys.length)
  let sum = 0
  for (let i = 0; i < sums.length; i++) {
    sum += 1 / (i + 1)
    sums[i] = sum
  }
  let state = 1
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const wanted = (state / 2 ** 32) * sum
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return keys[(low * 7919) % keys.length] ?? ''
  })
}
const asked = zipf(200_000)

const held = (): number => {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const getOrSet = contender.make()
await getOrSet('/countries/12/cities/-1')
const before = held()
for (const key of keys) await getOrSet(key)
const bytes = (held() - before) / keys.length

const verify = async (): Promise<void> => {
  for (const at of [0, 1, keys.length - 1]) {
    const key = keys[at] ?? ''
    assert.deepEqual(await getOrSet(key), await load(key), name)
  }
}
await verify()

/** Some passes over what is asked for, and the nanoseconds for each of it. */
const run = async (least: number): Promise<number> => {
  const began = process.hrtime.bigint()
  let took = 0
  let count = 0
  do {
    for (const key of asked) if ((await getOrSet(key)) === undefined) throw new Error('nothing was found')
    count += asked.length
    took = Number(process.hrtime.bigint() - began)
  } while (took < least * 1e6)
  return took / count
}
await run(Number(milliseconds) / 2)
const ns = await run(Number(milliseconds))
await verify()
console.log(JSON.stringify({ ns, bytes }))
// Some of them leave timers behind.
process.exit()
