import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { millrace, type Reply } from '@millrace/core'
import { listener } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import { serving } from './hosts.ts'

/** More than every buffer on the way. */
const size = 10_000_000

const bodies: Readonly<Record<string, () => Reply['body']>> = {
  whole: () => Buffer.from('ok'),
  'a stream': () => new Blob(['ok']).stream(),
}

describe('a handler pipes what a layer answers for', () => {
  for (const [name, body] of Object.entries(bodies)) {
    test(`${name}: what it reads is closed`, async () => {
      const mill = millrace({
        plugins: [
          layerPlugin('other', async (exchange, next) => {
            const answer = await next(exchange)
            answer.body = body()
            return answer
          }),
        ],
        routes: { '/**': { other: true } },
      })
      const sources: Readable[] = []
      const app = listener(mill, (_req, res) => {
        let left = size
        const source = new Readable({
          read(length) {
            this.push(left > 0 ? Buffer.alloc(length) : null)
            left -= length
          },
        })
        sources.push(source)
        source.pipe(res)
      })
      await serving(app, async (origin) => {
        const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(origin)))
        for (const answer of answers) assert.equal(await answer.text(), 'ok')
        assert.equal(sources.length, 5)
        for (const source of sources) if (!source.closed) await once(source, 'close')
      })
    })
  }
})
