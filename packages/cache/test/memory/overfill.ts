import { setImmediate } from 'node:timers/promises'
import { memory } from '../../src/memory.ts'
import { sharedPressure } from '../../src/pressure.ts'

// Fills a tier that may hold 1 GB in a process that may not: run with --max-old-space-size=64.

const [relief] = process.argv.slice(2)
const tier = memory({
  maxSize: '1gb',
  pressure: relief === 'aggressive' || relief === 'conservative' || relief === 'adaptive' ? relief : false,
})
await tier.start?.()
let written = 0
let most = 0
for (; written < 300_000; written++) {
  const value = {
    id: written,
    items: Array.from({ length: 20 }, (_, i) => ({ i, name: `name ${i} of ${written}` })),
  }
  tier.set(`key ${written}`, { value, createdAt: 1, freshUntil: 1e15, staleUntil: 1e15 })
  most = Math.max(most, tier.bytes)
  // Most of it without ever giving the clock a chance.
  if (written % 50_000 === 0) await setImmediate()
}
const shown: unknown = sharedPressure().inspect()
const reliefs = typeof shown === 'object' && shown !== null && 'reliefs' in shown ? shown.reliefs : 0
console.log(JSON.stringify({ written, reliefs, most, entries: [...tier.entries()].length }))
await tier.stop?.()
