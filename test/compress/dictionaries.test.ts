import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import zlib from 'node:zlib'
import { cache } from '@millrace/cache'
import { compress, encoded } from '@millrace/compress'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import express from 'express'
import { throughProgram } from './decode.ts'
import { hosts, type Said, serve } from './hosts.ts'

const old = Buffer.from(Array.from({ length: 9000 }, (_, i) => hash('sha256', String(i))).join('\n'))
const next = Buffer.concat([old.subarray(5000), Buffer.from('and more'), old.subarray(0, 5000)])

// Types do not know of Brotli's.
const options = { dictionary: old, maxOutputLength: 1e8 }

/** Who reads what follows the name of the dictionary. Elder `brotli`s know of none. */
const decoders = {
  dcz: (bytes: Uint8Array) => throughProgram(['zstd', '-dc', '-D', join(folder, 'old')], bytes.subarray(40)),
  dcb: async (bytes: Uint8Array) => zlib.brotliDecompressSync(bytes.subarray(36), options),
} as const

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dictionary-'))
  await writeFile(join(folder, 'old'), old)
})
after(() => rm(folder, { recursive: true }))

for (const [host, make] of Object.entries(hosts)) {
  for (const isCached of [false, true]) {
    for (const how of ['whole', 'pipe'] as const) {
      describe(`${host}, ${how}${isCached ? ', cached' : ''}`, () => {
        for (const [coding, decode] of Object.entries(decoders)) {
          it(`${coding} is read with the dictionary`, async (t) => {
            const rules = { compress: { dictionary: { match: '/*' } } } as const
            const mill = isCached
              ? millrace({
                  plugins: [compress({ pressure: false }), cache()],
                  routes: { '/**': { ...rules, cache: '1m' } },
                })
              : millrace({ plugins: [compress({ pressure: false })], routes: { '/**': rules } })
            const page = (chunk: Uint8Array): Said => ({
              fields: { 'content-type': 'text/javascript' },
              chunks: [chunk],
              how,
            })
            const served = await serve(make(mill, (url) => page(url === '/old' ? old : next)))
            try {
              const first = await served.ask('/old', { 'accept-encoding': 'br' })
              assert.equal(first.fields['use-as-dictionary'], 'match="/*"')
              const asked = {
                'accept-encoding': `br, ${coding}`,
                'available-dictionary': `:${hash('sha256', old, 'base64')}:`,
              }
              for (const turn of [1, 2]) {
                const { fields, body } = await served.ask('/next', asked)
                assert.equal(fields['content-encoding'], coding, String(turn))
                assert.match(fields.vary ?? '', /available-dictionary/i)
                assert.ok(body.byteLength < 3000, String(body.byteLength))
                const read = await decode(body)
                if (read === undefined) t.skip('zstd is not installed')
                else assert.ok(read.equals(next))
              }
            } finally {
              await served.close()
              await mill.stop()
            }
          })
        }
      })
    }
  }
}

it('a file with siblings is learnt first, then they go out, and then what is new in the next version', async () => {
  await writeFile(join(folder, 'app.1.js'), old)
  await writeFile(join(folder, 'app.1.js.gz'), zlib.gzipSync(old))
  await writeFile(join(folder, 'app.2.js'), next)
  await writeFile(join(folder, 'app.2.js.gz'), zlib.gzipSync(next))
  const mill = millrace({
    plugins: [compress({ pressure: false })],
    routes: { '/**': { compress: { dictionary: { match: '/app.*.js' }, siblings: { root: folder } } } },
  })
  const app = express()
  app.use(mount(mill)())
  app.get('/:name', (req, res) => res.sendFile(join(folder, req.params.name)))
  const events: string[] = []
  const stop = encoded.subscribe(({ source, coding }) => events.push(`${source} ${coding}`))
  const served = await serve(app)
  try {
    const has = { 'available-dictionary': `:${hash('sha256', old, 'base64')}:` }
    for (const [url, headers] of [
      ['/app.1.js', {}],
      ['/app.1.js', {}],
      ['/app.2.js', has],
    ] as const)
      await served.ask(url, { 'accept-encoding': 'gzip, dcz', ...headers })
    assert.deepEqual(events, ['stream gzip', 'sibling gzip', 'stream dcz'])
  } finally {
    stop()
    await served.close()
    await mill.stop()
  }
})
