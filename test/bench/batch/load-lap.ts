import assert from 'node:assert/strict'
import { loaders } from './loaders.ts'

// One contender, once, in a process of its own: run with its name, prints JSON.

const [name = '', milliseconds = '500'] = process.argv.slice(2)
const contender = loaders[name]
if (contender === undefined) throw new Error(`expected one of ${Object.keys(loaders).join(', ')}`)

const keys = 1000

/** 1,000 loads in a tick, by whatever this request would use. */
const request = async (): Promise<readonly unknown[]> => {
  const loader = contender.make()
  const loads: Promise<unknown>[] = []
  for (let key = 0; key < keys; key++) loads.push(loader.load(key))
  return Promise.all(loads)
}

const verify = async (): Promise<void> => {
  assert.deepEqual(
    await request(),
    Array.from({ length: keys }, (_, id) => ({ id })),
    name,
  )
}

/** Nanoseconds of processor time a key. */
const run = async (least: number): Promise<number> => {
  const began = process.hrtime.bigint()
  const used = process.cpuUsage()
  let requests = 0
  do {
    await request()
    requests++
  } while (process.hrtime.bigint() - began < least * 1e6)
  const { user, system } = process.cpuUsage(used)
  return ((user + system) * 1000) / requests / keys
}

await verify()
await run(Number(milliseconds) / 2)
const ns = await run(Number(milliseconds))
await verify()
console.log(JSON.stringify({ ns }))
