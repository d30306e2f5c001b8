import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { type BreakerRule, breaker } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import { hosts, serve } from '../compress/hosts.ts'

type Deed = (res: ServerResponse) => void

/** Koa begins with a 404. */
const well: Deed = (res) => {
  res.statusCode = 200
  res.end('well')
}
const hangs: Deed = () => undefined
const fails: Deed = (res) => {
  res.statusCode = 500
  res.end('no')
}

for (const [name, host] of Object.entries(hosts)) {
  /** One route; the clock is moved by hand. */
  const start = async (t: TestContext, rule: BreakerRule) => {
    const clock = new VirtualClock()
    const mill = millrace({
      plugins: [breaker({ random: () => 0 })],
      clock,
      routes: { '/x': { breaker: rule } },
    })
    let deed = well
    let asked = Promise.withResolvers<ServerResponse>()
    const served = await serve(
      host(mill, () => (res) => {
        deed(res)
        asked.resolve(res)
      }),
    )
    t.after(async () => {
      await served.close()
      await mill.stop()
    })
    return {
      ...served,
      clock,
      window: () => mill.breaker.states()[0]?.window,
      state: () => mill.breaker.states()[0]?.state,
      /** What the handler does from now on. */
      does: (next: Deed) => {
        deed = next
        asked = Promise.withResolvers()
      },
      /** When the handler has been asked. */
      asked: () => asked.promise,
      send: (): ClientRequest => request({ port: served.port, host: '127.0.0.1', path: '/x' }).end(),
    }
  }

  describe(`a breaker on ${name}`, () => {
    it('passes on what the handler says, byte by byte', async (t) => {
      const { ask, does, window } = await start(t, { timeout: '1s' })
      does((res) => {
        res.setHeader('x-own', 'yes')
        res.writeHead(201, { 'content-type': 'text/plain' })
        res.write('a')
        res.end('b')
      })
      const { status, fields, body } = await ask('/x')
      assert.deepEqual([status, fields['x-own'], body.toString()], [201, 'yes', 'ab'])
      assert.equal(fields['transfer-encoding'], 'chunked')
      assert.deepEqual(window(), { total: 1, failures: 0, slow: 0 })
    })

    it('answers 503 for a handler that fails, without asking it', async (t) => {
      const { ask, does, clock } = await start(t, { trip: { minimum: 2 }, reset: '10s' })
      let runs = 0
      does((res) => {
        runs++
        fails(res)
      })
      for (let i = 0; i < 2; i++) assert.equal((await ask('/x')).body.toString(), 'no')
      const { status, fields, body } = await ask('/x')
      assert.equal(status, 503)
      assert.equal(fields['retry-after'], '10')
      assert.equal(fields['content-type'], 'application/problem+json')
      assert.deepEqual(JSON.parse(body.toString()), { title: 'Service Unavailable', status: 503 })
      assert.equal((await ask('/x', {}, 'HEAD')).body.byteLength, 0)
      assert.equal(runs, 2)
      await clock.advance(10_000)
      does(well)
      assert.equal((await ask('/x')).body.toString(), 'well')
    })

    it('answers 504 for a handler that hangs, and does not mind what it says later', async (t) => {
      const { ask, does, asked, clock, window } = await start(t, { timeout: '2s' })
      does(hangs)
      const answer = ask('/x')
      const res = await asked()
      await clock.advance(2000)
      assert.equal((await answer).status, 504)
      res.statusCode = 200
      res.setHeader('x-late', 'yes')
      res.end('late')
      does(well)
      const { fields, body } = await ask('/x')
      assert.equal(fields['x-late'], undefined)
      assert.equal(body.toString(), 'well')
      assert.deepEqual(window(), { total: 2, failures: 1, slow: 0 })
      await clock.advance(2000)
      assert.equal(clock.pending, 0)
    })

    it('does not cut a stream off at the deadline', async (t) => {
      const { send, does, asked, clock, window } = await start(t, { timeout: '2s' })
      does((res) => void res.write('one '))
      const [answer] = (await once(send(), 'response')) as [IncomingMessage]
      await clock.advance(5000)
      ;(await asked()).end('two')
      assert.equal(Buffer.concat(await answer.toArray()).toString(), 'one two')
      assert.deepEqual(window(), { total: 1, failures: 0, slow: 0 })
    })

    it('counts a body that breaks off as a failure', async (t) => {
      const { send, does, asked, window } = await start(t, { timeout: '2s' })
      does((res) => void res.write('half'))
      const [answer] = (await once(send(), 'response')) as [IncomingMessage]
      const gone = once(answer, 'error')
      ;(await asked()).destroy(new Error('no more'))
      answer.resume()
      await gone
      while (window()?.failures !== 1) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(window(), { total: 1, failures: 1, slow: 0 })
    })

    it('does not count a client that leaves, and its probe gives the permit back', async (t) => {
      const { ask, send, does, asked, clock, window, state } = await start(t, {
        trip: { minimum: 1 },
        reset: '1s',
        probes: { within: '1h' },
      })
      const leave = async (): Promise<void> => {
        does(hangs)
        const sent = send()
        const closed = once(await asked(), 'close')
        sent.once('error', () => undefined)
        sent.destroy()
        await closed
      }
      await leave()
      assert.deepEqual(window(), { total: 0, failures: 0, slow: 0 })
      does(fails)
      await ask('/x')
      await clock.advance(1000)
      await leave()
      assert.equal(state(), 'half-open')
      does(well)
      assert.equal((await ask('/x')).status, 200)
      assert.equal(state(), 'closed')
    })

    it('holds a place in a bulkhead until the last byte is out', async (t) => {
      const { ask, send, does, asked } = await start(t, { bulkhead: 1 })
      does((res) => void res.write('one '))
      const [answer] = (await once(send(), 'response')) as [IncomingMessage]
      const busy = await ask('/x')
      assert.equal(busy.status, 503)
      assert.equal(busy.fields['retry-after'], '1')
      ;(await asked()).end()
      await answer.toArray()
      does(well)
      // The server is told of its last byte after the client has it.
      let last = await ask('/x')
      while (last.status === 503) last = await ask('/x')
      assert.equal(last.status, 200)
    })
  })
}
