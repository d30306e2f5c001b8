import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { expected } from './expected.ts'
import { hosts } from './hosts.ts'
import { tally, type Verdict } from './suite.ts'

/** In a thread of its own, as the suite keeps its state in its modules. */
const verdictsOn = (host: string): Promise<readonly Verdict[]> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: host })
    worker.once('message', resolve)
    worker.once('error', reject)
  })

describe('http-cache-tests', { concurrency: true }, () => {
  for (const host of Object.keys(hosts)) {
    it(host, async (t) => {
      const verdicts = await verdictsOn(host)
      t.diagnostic(`${host}: ${tally(verdicts)}`)

      // A check asks how a cache behaves where either way is right.
      const failed = verdicts.filter(({ kind, passed }) => kind !== 'check' && !passed)
      const ids = new Set(failed.map(({ id }) => id))
      const wrong = [
        ...failed.filter(({ id }) => !(id in expected)).map(({ id, message }) => `${id} fails: ${message}`),
        ...Object.keys(expected)
          .filter((id) => !ids.has(id))
          .map((id) => `${id} does not fail any more: take it off the list`),
      ]
      // In words of its own, as the difference of two long lists is shown in part only.
      assert.ok(wrong.length === 0, wrong.join('\n'))
    })
  }
})
