import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { describe, it } from 'node:test'
import { type ChaosRule, chaos } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { hosts } from './hosts.ts'

/** The status and the body, or the code of the error. */
const ask = (url: string): Promise<string> =>
  new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException): void => resolve(String(error.code))
    get(url, { agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('end', () => resolve(`${answer.statusCode} ${Buffer.concat(chunks).toString('latin1')}`))
      answer.once('error', fail)
    }).once('error', fail)
  })

const table: readonly [rule: ChaosRule, answer: RegExp][] = [
  [{ latency: { rate: 1, max: '1ms' } }, /^200 \{"well":true\}$/],
  [{ error: 1 }, /^500 /],
  [{ error: { rate: 1, status: 503 } }, /^50[03] /],
  [{ abort: 1 }, /^ECONNRESET$/],
  [{ garbage: 1 }, /^200 (?!\{"well":true\}).{13}$/s],
]

for (const [name, host] of Object.entries(hosts)) {
  describe(`chaos on ${name}`, () => {
    for (const [rule, expected] of table) {
      it(JSON.stringify(rule), async () => {
        const mill = millrace({ plugins: [chaos({ seed: 1 })], routes: { '/**': { chaos: rule } } })
        const server = createServer(host(mill, { late: 0 })).listen(0, '127.0.0.1')
        await once(server, 'listening')
        const address = server.address()
        const port = typeof address === 'object' ? address?.port : ''
        assert.match(await ask(`http://127.0.0.1:${port}/well`), expected)
        server.close()
        await mill.stop()
      })
    }
  })
}
