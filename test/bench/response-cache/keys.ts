import { createServer } from 'node:http'
import { cache, memory } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { listener } from '@millrace/node'
import type { Answer, Contender, Group } from '../overhead/group.ts'
import { path } from './pages.ts'

// As small as a page can be, so that a million of them are there as a whole.
const json = '{"name":"Berlin","population":3426354}'
const body = Buffer.from(json)
const fields = { 'Content-Type': 'application/json', 'Content-Length': body.byteLength }
const answer: Answer = { status: 200, body: json, fields: { 'content-type': /^application\/json$/ } }

const counts = [100, 10_000, 1_000_000]
const said = (count: number): string => count.toLocaleString('en')

const own = (keys: number): Contender => ({
  label: `Millrace by \`listener()\`, ${said(keys)} pages`,
  server: () => {
    const mill = millrace({
      plugins: [cache({ tiers: [memory({ maxSize: '4gb', pressure: false })] })],
      routes: { [`GET ${path}/**`]: { cache: '1d' } },
    })
    return createServer(
      listener(mill, (_req, res) => {
        // Each page has a body of its own.
        res.writeHead(200, fields).end(Buffer.from(body))
      }),
    )
  },
  keys,
  answer: { ...answer, fields: { ...answer.fields, 'cache-status': /^Millrace; hit\b/ } },
})

/** What the machine's memory has to do with it. */
const map = (keys: number): Contender => ({
  label: `a \`Map\` in the listener, ${said(keys)} pages`,
  server: () => {
    const kept = new Map<string, Buffer>()
    return createServer((req, res) => {
      const url = req.url ?? '/'
      let found = kept.get(url)
      if (found === undefined) {
        found = Buffer.from(body)
        kept.set(url, found)
      }
      res.writeHead(200, fields).end(found)
    })
  },
  keys,
  answer,
})

const each = (prefix: string, make: (keys: number) => Contender): Readonly<Record<string, Contender>> =>
  Object.fromEntries(counts.map((count) => [`${prefix}-${count}`, make(count)]))

export const keys: Group = {
  title: 'Pages asked for at random, all equally often',
  path,
  base: 'listener-100',
  contenders: { ...each('listener', own), ...each('map', map) },
  bars: [],
}
