import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { calls } from './calls.ts'

// One contender, once, in a process of its own: run with its name and milliseconds, prints nanoseconds for each call.

const [name = '', milliseconds = '500'] = process.argv.slice(2)
const contender = calls[name]
if (contender === undefined) throw new Error(`expected one of ${Object.keys(calls).join(', ')}, got ${name}`)
const run = contender.make()
assert.equal(await run(1), 2)

/** A turn of the event loop now and then, as a server has it: timers are looked at there. */
const between = 1000

const lap = async (least: number): Promise<number> => {
  const began = process.hrtime.bigint()
  let took = 0
  let count = 0
  do {
    for (let n = 0; n < between; n++) if ((await run(n)) !== n + 1) throw new Error('it added wrongly')
    await turn()
    count += between
    took = Number(process.hrtime.bigint() - began)
  } while (took < least * 1e6)
  return took / count
}
await lap(Number(milliseconds) / 2)
console.log(await lap(Number(milliseconds)))
process.exit()
