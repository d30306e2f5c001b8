import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { batchEndpoint } from '@millrace/batch'
import { millrace } from '@millrace/core'
import { listener } from '@millrace/node'

test('a batch over HTTP/2 is for the same host, without fields that only HTTP/2 has', async () => {
  const mill = millrace({
    plugins: [batchEndpoint()],
    routes: { '/batch': { batchEndpoint: { body: 500 } } },
  })
  const seen: unknown[] = []
  const server = createServer(
    listener(mill, (req: Http2ServerRequest, res: Http2ServerResponse) => {
      seen.push([
        req.url,
        req.headers.host,
        req.headers.authorization,
        Object.keys(req.headers).some((name) => name.startsWith(':')),
      ])
      res.setHeader('connection', 'keep-alive')
      res.end()
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = connect(origin)
  const ask = async (body: string) => {
    const stream = client.request({
      ':method': 'POST',
      ':path': '/batch',
      ':authority': 'app.test',
      authorization: 'Bearer me',
      'content-type': 'application/json',
    })
    stream.end(body)
    const [headers] = await once(stream, 'response')
    return { status: headers[':status'], body: await text(stream) }
  }
  try {
    const answer = await ask('[{"path":"/a"}]')
    assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, [{ id: '0', status: 200, headers: {} }]])
    assert.deepEqual(seen, [['/a', 'app.test', 'Bearer me', false]])
    assert.equal((await ask(' '.repeat(501))).status, 413)
  } finally {
    client.close()
    server.close()
    await mill.stop()
  }
})
