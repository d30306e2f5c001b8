import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, ServerResponse } from 'node:http'
import { it } from 'node:test'
import { millrace } from '@millrace/core'
import { mount } from '@millrace/express'
import { exchangeTimed, timing } from '@millrace/timing'
import express from 'express'

it('a WebSocket that is served as a request ends with its connection', async (t) => {
  const outcomes: string[] = []
  t.after(exchangeTimed.subscribe(({ outcome, route }) => outcomes.push(`${route} ${outcome}`)))
  const mill = millrace({ plugins: [timing()], routes: { '/**': { timing: true } } })
  const app = express()
  app.use(mount(mill)())
  app.get('/socket', (req) => {
    req.socket.on('error', () => undefined).on('end', () => req.socket.end())
    req.socket.resume()
    req.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n')
  })
  const server = createServer(app)
  // As express-ws does.
  server.on('upgrade', (req) => app(req, new ServerResponse(req)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const asked = request({ port, path: '/socket', headers: { connection: 'Upgrade', upgrade: 'a' } }).end()
  const [, socket] = await once(asked, 'upgrade')
  assert.deepEqual(outcomes, [])
  socket.destroy()
  while (outcomes.length === 0) await new Promise(setImmediate)
  assert.deepEqual(outcomes, ['/socket aborted'])
  server.close()
  await mill.stop()
})
