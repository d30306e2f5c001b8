import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { describe, test } from 'node:test'
import { send } from '../src/index.ts'

async function listening(handler: RequestListener): Promise<{ server: Server; origin: string }> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { server, origin: `http://127.0.0.1:${port}` }
}

describe('send', () => {
  test('sends every path once, never more at a time than there are connections', async () => {
    const asked: string[] = []
    const sockets = new Set()
    let underWay = 0
    let most = 0
    const { server, origin } = await listening((req, res) => {
      asked.push(req.url ?? '')
      sockets.add(req.socket)
      most = Math.max(most, ++underWay)
      // The next turn of the event loop, so that the others can come in meanwhile.
      setImmediate(() => {
        underWay -= 1
        res.end(`to ${req.url}`)
      })
    })
    const paths = Array.from({ length: 200 }, (_, index) => `/${index % 150}`)
    const progress: number[] = []
    const { answers, milliseconds, seconds } = await send(origin, paths, {
      connections: 4,
      onProgress: (done) => progress.push(done),
    })
    server.close()

    assert.deepEqual(asked.toSorted(), paths.toSorted())
    assert.ok(most <= 4 && sockets.size <= 4, `${most} at a time on ${sockets.size} connections`)
    assert.deepEqual(
      progress,
      paths.map((_, index) => index + 1),
    )
    assert.ok(milliseconds.length === 200 && milliseconds.every((each) => each > 0) && seconds > 0)
    // The same answer to the same path, another to another.
    assert.equal(new Set(answers).size, 150)
    assert.equal(answers[0], answers[150])
  })

  test('answers differ when status, type or body do', async () => {
    const { server, origin } = await listening((req, res) => {
      const [status, type, body] = (req.url ?? '').slice(1).split('/')
      res.writeHead(Number(status), { 'content-type': `text/${type}` }).end(body)
    })
    const paths = ['/200/plain/a', '/500/plain/a', '/200/html/a', '/200/plain/b']
    const { answers } = await send(origin, paths, { connections: 1 })
    server.close()
    assert.equal(new Set(answers).size, 4)
  })

  test('fails with a request that gets no answer', async () => {
    const { server, origin } = await listening((req) => req.socket.destroy())
    await assert.rejects(send(origin, ['/'], { connections: 1 }), { code: 'ECONNRESET' })
    server.close()
  })

  test('stops when told to', async () => {
    const interrupted = new AbortController()
    const { server, origin } = await listening(() => interrupted.abort())
    await assert.rejects(send(origin, ['/'], { connections: 1, signal: interrupted.signal }), {
      name: 'AbortError',
    })
    server.closeAllConnections()
    server.close()
  })
})
