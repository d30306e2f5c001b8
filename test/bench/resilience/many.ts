import { createHook } from 'node:async_hooks'
import { breaker } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { limit, type Peer, peers } from './peers.ts'

// 10,000 breakers of one contender, one for each key: run with --expose-gc, its name and how often each is called, prints
// bytes and timers of each as JSON.

type Keyed = (key: string, n: number) => Promise<number>

const add: Keyed = async (_key, n) => n + 1

const own = (): Keyed =>
  millrace({ plugins: [breaker()] }).wrap('add', add, {
    breaker: { timeout: limit / 1000, key: (key, _n) => key },
  })

/** A breaker of the peer's for each key. */
const mapOf = ({ protect }: Peer): Keyed => {
  const circuits = new Map<string, Keyed>()
  return (key, n) => {
    let circuit = circuits.get(key)
    if (circuit === undefined) {
      circuit = protect(add)
      circuits.set(key, circuit)
    }
    return circuit(key, n)
  }
}

const [name = '', times = '1'] = process.argv.slice(2)
const peer = peers[name]
const collect = globalThis.gc
if (collect === undefined) throw new Error('expected --expose-gc')

const count = 10_000
/** Strings as an HTTP parser makes them, not ropes. */
const keys = Array.from({ length: count }, (_, i) => Buffer.from(`upstream-${i}.example`).toString('latin1'))

const held = (): number => {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const timers = new Set<number>()
createHook({
  init: (id, type) => void (type === 'Timeout' && timers.add(id)),
  destroy: (id) => void timers.delete(id),
}).enable()

const run = peer === undefined ? own() : mapOf(peer)
await run('first', 1)
const [heldBefore, timersBefore] = [held(), timers.size]
for (let time = 0; time < Number(times); time++) for (const key of keys) await run(key, time)
// Timers that were taken back are told of a turn later.
for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
const bytes = (held() - heldBefore) / count
console.log(JSON.stringify({ bytes, timers: (timers.size - timersBefore) / count }))
// What is still in use is not collected before.
await run('first', 1)
process.exit()
