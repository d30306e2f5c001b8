import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type ClientHttp2Session, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { it } from 'node:test'
import { createGunzip, gunzipSync, gzipSync } from 'node:zlib'
import { cache } from '@millrace/cache'
import { compress } from '@millrace/compress'
import { type AnyPlugin, type Millrace, millrace } from '@millrace/core'
import { type Http2Listener, listener } from '@millrace/node'
import { VirtualClock } from '@millrace/testing'
import { codings, decode } from './decode.ts'

const parts = Array.from({ length: 50 }, (_, i) => Buffer.from(`line ${i} `.repeat(i * 20)))
const whole = Buffer.concat(parts)

/** Runs an app behind a Millrace, on HTTP/2. */
const within = async (
  mill: Millrace<readonly AnyPlugin[]>,
  app: Http2Listener,
  use: (client: ClientHttp2Session) => Promise<void>,
): Promise<void> => {
  const server = createServer(listener(mill, app)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  try {
    await use(client)
  } finally {
    client.close()
    server.close()
    await mill.stop()
  }
}

for (const isCached of [false, true]) {
  it(`HTTP/2${isCached ? ', cached' : ''}: whole bodies and streams come out as they went in, under every coding`, async () => {
    const plugin = compress({ pressure: false })
    const mill = isCached
      ? millrace({ plugins: [plugin, cache()], routes: { '/**': { compress: true, cache: '1m' } } })
      : millrace({ plugins: [plugin], routes: { '/**': { compress: true } } })
    const app: Http2Listener = (req, res) => {
      res.setHeader('content-type', 'text/plain')
      if (req.url.startsWith('/stream')) Readable.from(parts).pipe(res)
      else if (req.url.startsWith('/writes')) {
        for (const part of parts) res.write(part)
        res.end()
      } else res.end(whole)
    }
    await within(mill, app, async (client) => {
      const ask = async (path: string, coding: string): Promise<void> => {
        const stream = client.request({ ':path': path, 'accept-encoding': coding })
        const [head] = await once(stream, 'response')
        const body = Buffer.concat(await stream.toArray())
        assert.equal(head['content-encoding'], coding || undefined)
        if (head['content-length'] !== undefined)
          assert.equal(Number(head['content-length']), body.byteLength)
        assert.ok((await decode(coding || undefined, body)).equals(whole), `${path} ${coding}`)
      }
      for (const path of ['/whole', '/writes', '/stream']) {
        // Each is first once, and kept or not for those after it.
        for (const first of ['', ...codings])
          for (const coding of [first, '', ...codings]) await ask(`${path}?${first}`, coding)
        await Promise.all([...codings, '', ...codings].map((coding) => ask(`${path}?at-once`, coding)))
      }
    })
  })
}

it('HTTP/2: what lies beside a file has its length, and what is flushed arrives', async () => {
  const root = await mkdtemp(join(tmpdir(), 'siblings-'))
  const large = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 1_000_003).join(' '))
  await writeFile(join(root, 'large.txt'), large)
  await writeFile(join(root, 'large.txt.gz'), gzipSync(large))
  const mill = millrace({
    clock: new VirtualClock(),
    plugins: [compress({ pressure: false })],
    routes: { '/**': { compress: { siblings: { root } } } },
  })
  let finish = (): void => assert.fail('nothing was written')
  const app: Http2Listener = (req, res) => {
    res.setHeader('content-type', 'text/plain')
    if (req.url !== '/large.txt') {
      res.write('first')
      if ('flush' in res && typeof res.flush === 'function') res.flush()
      finish = () => void res.end()
      return
    }
    const { size, mtime } = statSync(join(root, 'large.txt'))
    res.setHeader('content-length', size)
    res.setHeader('last-modified', mtime.toUTCString())
    pipeline(createReadStream(join(root, 'large.txt')), res, () => undefined)
  }
  await within(mill, app, async (client) => {
    const file = client.request({ ':path': '/large.txt', 'accept-encoding': 'gzip' })
    const [head] = await once(file, 'response')
    const body = Buffer.concat(await file.toArray())
    assert.equal(head['content-length'], String(gzipSync(large).byteLength))
    assert.ok(gunzipSync(body).equals(large))
    const flushed = client.request({ ':path': '/', 'accept-encoding': 'gzip' })
    const decoded = flushed.pipe(createGunzip())
    assert.equal(String(await once(decoded, 'data')), 'first')
    finish()
    await once(decoded, 'end')
  })
  await rm(root, { recursive: true })
})
