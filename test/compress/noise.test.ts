import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cache } from '@millrace/cache'
import { compress } from '@millrace/compress'
import { millrace } from '@millrace/core'
import { decode, throughProgram } from './decode.ts'
import { hosts, serve } from './hosts.ts'

const text = 'It is a truth universally acknowledged. '.repeat(1000)

for (const [name, host] of Object.entries(hosts)) {
  for (const how of ['whole', 'pipe'] as const) {
    describe(`${name}, ${how}`, () => {
      it('noise: what is cached goes out in another length each time, which gzip and curl read', async (t) => {
        let length = 0
        const mill = millrace({
          plugins: [compress({ pressure: false, random: () => length++ }), cache()],
          routes: { '/**': { compress: { noise: true }, cache: '1m' } },
        })
        const fields = { 'content-type': 'text/plain' }
        const served = await serve(host(mill, () => ({ fields, chunks: [Buffer.from(text)], how })))
        try {
          const lengths = new Set<number>()
          for (let i = 0; i < 4; i++) {
            const { fields, body } = await served.ask('/', { 'accept-encoding': 'gzip, br' })
            assert.equal(fields['content-encoding'], 'gzip')
            assert.equal((await decode('gzip', body)).toString(), text)
            lengths.add(body.byteLength)
            const decoded = await throughProgram(['gzip', '-dc'], body)
            if (decoded !== undefined) assert.equal(decoded.toString(), text)
          }
          assert.ok(lengths.size >= 3, [...lengths].join())
          const read = await throughProgram([
            'curl',
            '-s',
            '--compressed',
            `http://127.0.0.1:${served.port}/`,
          ])
          if (read === undefined) t.skip('curl is not installed')
          else assert.equal(read.toString(), text)
        } finally {
          await served.close()
          await mill.stop()
        }
      })
    })
  }
}
