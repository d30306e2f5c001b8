import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { it } from 'node:test'
import { compress } from '@millrace/compress'
import { millrace } from '@millrace/core'
import { type Http2Listener, listener } from '@millrace/node'
import { codings, decode } from './decode.ts'

it('HTTP/2: whole bodies and streams come out as they went in, under every coding', async () => {
  const mill = millrace({ plugins: [compress({ pressure: false })], routes: { '/**': { compress: true } } })
  const parts = Array.from({ length: 50 }, (_, i) => Buffer.from(`line ${i} `.repeat(i * 20)))
  const whole = Buffer.concat(parts)
  const app: Http2Listener = (req, res) => {
    res.setHeader('content-type', 'text/plain')
    if (req.url === '/stream') Readable.from(parts).pipe(res)
    else if (req.url === '/writes') {
      for (const part of parts) res.write(part)
      res.end()
    } else res.end(whole)
  }
  const server = createServer(listener(mill, app)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  for (const path of ['/whole', '/writes', '/stream']) {
    for (const coding of codings) {
      const stream = client.request({ ':path': path, 'accept-encoding': coding })
      const [head] = await once(stream, 'response')
      const body = Buffer.concat(await stream.toArray())
      assert.equal(head['content-encoding'], coding)
      assert.ok((await decode(coding, body)).equals(whole), `${path} ${coding}`)
    }
  }
  client.close()
  server.close()
  await mill.stop()
})
