import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { cache, memory } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { listener } from '@millrace/node'
import express from 'express'
import { warm } from '../overhead/warm.ts'

// Fills a memory tier with replies of some length: run with --expose-gc, the length and the megabytes, prints JSON.

const [length = '2000', megabytes = '64'] = process.argv.slice(2)
const collect = globalThis.gc
if (collect === undefined) throw new Error('expected --expose-gc')

const text = 'x'.repeat(Math.max(1, Number(length) - '{"id":1000000,"text":""}'.length))
const near = memory({ maxSize: Number(megabytes) * 2 ** 20, pressure: false })
const mill = millrace({ plugins: [cache({ tiers: [near] })], routes: { '/**': { cache: '1d' } } })
const app = express()
app.get('/pages/:id', (req, res) => {
  res.json({ id: 1_000_000 + Number(req.params.id), text })
})
const server = createServer(listener(mill, app))
await once(server.listen(0, '127.0.0.1'), 'listening')
const address = server.address()
const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/pages`

const held = async (): Promise<number> => {
  collect()
  // What was behind buffers is given back on the side.
  await wait(200)
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

// The compiler, and what is made with the first pages.
await warm(url, {}, 2000)
near.clear('')
const before = await held()
let asked = 2000
let last = 0
do {
  last = near.bytes
  asked *= 2
  await warm(url, {}, asked)
} while (near.bytes > 1.1 * last)
const grown = (await held()) - before
console.log(JSON.stringify({ entries: [...near.entries()].length, counted: near.bytes, grown }))
process.exit()
