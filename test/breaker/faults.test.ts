import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, get } from 'node:http'
import { describe, it } from 'node:test'
import { breaker } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { eventually, layerPlugin } from '@millrace/testing'
import { Count, collectGarbage } from '../leaks/garbage.ts'
import { type Deed, endless, hosts } from './hosts.ts'

const requests = 500 * Math.max(1, Number(process.env.MILLRACE_RUNS ?? 1))
/** How many are on their way at a time. */
const atOnce = 250

/** Where no circuit opens every deed shows; where one does it hides those that come after. */
const places = ['open', 'guarded']

/** Milliseconds. A machine that does other things as well answers a simple request in less. */
const deadline = 1500

/** What a client may be told of each deed where there is no circuit. */
const answers: Readonly<Record<Deed, string>> = {
  well: '200 whole',
  fails: '500 whole',
  throws: '500 whole',
  hangs: '504 whole',
  late: '504 whole',
  breaks: '200 broken',
  'throws-late': '200 broken',
  endless: '200 endless',
  left: 'left',
}
const deeds: readonly Deed[] = [
  'well',
  'fails',
  'throws',
  'hangs',
  'late',
  'breaks',
  'throws-late',
  'endless',
  'left',
]

/** How one request ends for the client that sent it. */
const ask = (url: string, deed: Deed, agent: Agent): Promise<string> =>
  new Promise((resolve) => {
    let status = 0
    const sent = get(url, { agent }, (answer) => {
      status = answer.statusCode ?? 0
      let chunks = 0
      answer.on('data', () => {
        chunks++
        if (chunks < 3 || deed !== 'endless' || status !== 200) return
        resolve('200 endless')
        sent.destroy()
      })
      answer.once('end', () => resolve(`${status} ${answer.complete ? 'whole' : 'broken'}`))
      answer.once('error', () => resolve(`${status} broken`))
    })
    sent.once('error', () => resolve(deed === 'left' ? 'left' : status === 0 ? 'none' : `${status} broken`))
    if (deed === 'left') setTimeout(() => sent.destroy(), 20)
  })

describe(`${requests} requests to handlers of every kind`, () => {
  for (const [name, host] of Object.entries(hosts)) {
    it(name, async () => {
      const count = new Count()
      const mill = millrace({
        plugins: [layerPlugin('count', count.layer), breaker()],
        routes: {
          '/**': { count: true },
          '/open/**': { breaker: { timeout: deadline / 1000, trip: false } },
          '/guarded/**': { breaker: { timeout: deadline / 1000, trip: { ratio: 0.3 }, reset: '200ms' } },
        },
      })
      const server = createServer(host(mill, { late: 2 * deadline }))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
      const agent = new Agent({ keepAlive: true, maxSockets: atOnce })

      try {
        const wrong = new Map<string, number>()
        const seen = new Map<string, number>()
        let sent = 0
        const worker = async (): Promise<void> => {
          while (sent < requests) {
            const number = sent++
            const place = places[number % 2] ?? ''
            const deed = deeds[Math.floor(number / 2) % deeds.length] ?? 'well'
            const ended = await ask(`${origin}/${place}/${number}/${deed}`, deed, agent)
            const isRejected = place === 'guarded' && ended === '503 whole'
            seen.set(ended, (seen.get(ended) ?? 0) + 1)
            if (ended === answers[deed] || isRejected) continue
            const what = `${place} ${deed}: ${ended}`
            wrong.set(what, (wrong.get(what) ?? 0) + 1)
          }
        }
        await Promise.all(Array.from({ length: atOnce }, worker))
        assert.deepEqual(Object.fromEntries(wrong), {})
        for (const ended of [...Object.values(answers), '503 whole']) {
          assert.ok(seen.has(ended), `nobody was told ${ended}`)
        }

        agent.destroy()
        await eventually('every exchange has settled', () => count.settled === count.made)
        await eventually('no stream goes on', () => endless.size === 0)
        // A late handler holds on to its request until it has answered.
        await eventually('nothing is kept', async () => {
          await collectGarbage()
          return count.made - count.collected < 100
        })
      } finally {
        agent.destroy()
        server.close()
        server.closeAllConnections()
        await mill.stop()
      }
    })
  }
})
