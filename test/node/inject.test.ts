import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { millrace, type Reply, type SyntheticRequest } from '@millrace/core'
import { inject } from '@millrace/node'
import { layerPlugin } from '@millrace/testing'
import { hosts, serving } from './hosts.ts'

const textOf = async (reply: Reply): Promise<string> => {
  let text = ''
  if (reply.body instanceof Uint8Array) return new TextDecoder().decode(reply.body)
  for await (const chunk of reply.body ?? []) text += new TextDecoder().decode(chunk)
  return text
}

for (const [name, host] of Object.entries(hosts)) {
  describe(`injection on ${name}`, () => {
    test('goes through the whole app, marked, and cannot recurse', async () => {
      const calls: string[] = []
      const marks: unknown[] = []
      const cause = { by: 'test' }
      let recursion: unknown
      const plugin = layerPlugin('probe', async (exchange, next) => {
        marks.push(exchange.synthetic)
        if (exchange.synthetic) {
          recursion = await exchange.inject({ url: '/json', cause }).catch((error: unknown) => error)
          return next(exchange)
        }
        const other = await exchange.inject({ url: '/text/7?x=1', headers: { 'x-a': 'b' }, cause })
        const reply = await next(exchange)
        reply.headers.set('x-injected', `${other.status} ${await textOf(other)}`)
        return reply
      })
      const mill = millrace({
        plugins: [plugin],
        routes: { '/**': { probe: true } },
      })
      await serving(host(mill, calls), async (origin) => {
        const answer = await fetch(`${origin}/json`)
        assert.equal(answer.headers.get('x-injected'), '200 xxxxxxx')
        assert.deepEqual(calls, ['/text/7?x=1', '/json'])
        assert.deepEqual(marks, [undefined, cause])
        assert.match(String(recursion), /SyntheticRecursionError/)
      })
    })

    test('comes from where the request came that it is made for, and not from this machine', async () => {
      const addresses: string[] = []
      const plugin = layerPlugin('probe', async (exchange, next) => {
        addresses.push(exchange.client.address)
        if (!exchange.synthetic) await textOf(await exchange.inject({ url: '/json', cause: {} }))
        return next(exchange)
      })
      const mill = millrace({ plugins: [plugin], routes: { '/**': { probe: true } } })
      await serving(host(mill, []), async (origin) => {
        const { port } = new URL(origin)
        const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: '127.0.0.2' })
        socket.end('GET /json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').resume()
        await once(socket, 'close')
        assert.equal(addresses.length, 2)
        assert.equal(addresses[1], addresses[0])
        assert.match(addresses[0] ?? '', /127\.0\.0\.2$/)
      })
    })
  })
}

/** What an injected request to a plain handler is answered with. */
const answerOf = async (
  handler: RequestListener,
  request: Partial<SyntheticRequest> = {},
  read: (reply: Reply) => Promise<unknown> = textOf,
): Promise<{ readonly reply: Reply; readonly read: unknown }> => {
  const reply = await inject(
    { handle: (req, res) => Reflect.apply(handler, undefined, [req, res]) },
    { url: '/', cause: {}, ...request },
    { scheme: 'http', address: '192.0.2.1' },
  )
  return { reply, read: await read(reply) }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('an injected request', () => {
  const bodies: readonly (readonly [string, RequestListener, string])[] = [
    ['an end', (_req, res) => void res.end('hello'), 'hello'],
    ['bytes', (_req, res) => void res.end(Buffer.from('hello')), 'hello'],
    [
      'writes in several turns',
      async (_req, res) => {
        for (const word of ['a', 'bc', 'é']) {
          res.write(word)
          await turn()
        }
        res.end()
      },
      'abcé',
    ],
    [
      'a body after informational responses',
      (_req, res) => {
        res.writeContinue()
        res.writeProcessing()
        res.writeEarlyHints({ link: '</a.css>; rel=preload' })
        res.end('hello')
      },
      'hello',
    ],
    [
      'a body with trailers, which are left off',
      (_req, res) => {
        res.setHeader('Trailer', 'X-Late')
        res.write('hel')
        res.addTrailers({ 'X-Late': '1' })
        res.end('lo')
      },
      'hello',
    ],
    [
      'chunks of its own wish',
      (_req, res) => void res.setHeader('Transfer-Encoding', 'chunked').end('hello'),
      'hello',
    ],
    [
      'the same in several writes, one as long as the end of a line',
      (_req, res) => {
        res.writeHead(200, { 'Transfer-Encoding': 'chunked' })
        res.write('ab')
        res.write('cd')
        res.cork()
        res.write('e')
        res.write('é')
        res.uncork()
        res.end('f')
      },
      'abcdeéf',
    ],
    [
      'a head first',
      (_req, res) => {
        res.setHeader('Transfer-Encoding', 'chunked')
        res.flushHeaders()
        res.end('zz')
      },
      'zz',
    ],
    ['no body', (_req, res) => void res.setHeader('Transfer-Encoding', 'chunked').end(), ''],
    ['a HEAD', (_req, res) => void res.end('unseen'), ''],
    ['a 204', (_req, res) => void res.writeHead(204).end('unseen'), ''],
  ]
  for (const [name, handler, expected] of bodies) {
    test(`gives the body as it was written: ${name}`, async () => {
      const { read } = await answerOf(handler, name === 'a HEAD' ? { method: 'HEAD' } : {})
      assert.equal(read, expected)
    })
  }

  test('has the fields of a head that was written at once, as an object and as a list', async () => {
    for (const fields of [
      { 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'] },
      ['X-A', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
    ]) {
      const { reply } = await answerOf((_req, res) => void res.writeHead(418, 'Short', fields).end())
      assert.deepEqual(
        [reply.status, reply.reason, reply.headers.getAll('set-cookie')],
        [418, 'Short', ['a=1', 'b=2']],
      )
    }
  })

  test('has the head of its final response, whatever came before', async () => {
    const { reply } = await answerOf(async (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' })
      await turn()
      res.writeHead(201, { 'X-A': '1' }).end()
    })
    assert.deepEqual([reply.status, reply.headers.raw], [201, ['X-A', '1']])
  })

  test('shows the handler its fields in every form, and its body', async () => {
    let seen: unknown
    await answerOf(
      async (req, res) => {
        const { headers, rawHeaders, headersDistinct, complete } = req
        seen = {
          headers,
          rawHeaders,
          two: headersDistinct['x-two'],
          complete,
          body: await text(req),
          ip: req.socket.remoteAddress,
        }
        res.end()
      },
      { method: 'POST', headers: { 'X-Two': '2' }, body: Buffer.from('abc') },
    )
    assert.deepEqual(seen, {
      headers: { 'x-two': '2', host: 'localhost', 'content-length': '3' },
      rawHeaders: ['X-Two', '2', 'host', 'localhost', 'content-length', '3'],
      two: ['2'],
      complete: true,
      body: 'abc',
      ip: '192.0.2.1',
    })
  })

  test('lets its handler write no faster than somebody reads', async () => {
    const chunk = Buffer.alloc(16 * 1024)
    let written = 0
    const source = Readable.from(
      (function* () {
        for (; written < 100; written++) yield chunk
      })(),
    )
    const { read } = await answerOf(
      (_req, res) => void source.pipe(res),
      {},
      async ({ body }) => {
        for (let i = 0; i < 20; i++) await turn()
        const ahead = written
        let bytes = 0
        assert.ok(body !== null && !(body instanceof Uint8Array))
        for await (const { byteLength } of body) bytes += byteLength
        return { ahead, bytes }
      },
    )
    assert.ok(typeof read === 'object' && read !== null && 'ahead' in read && 'bytes' in read)
    assert.equal(read.bytes, 100 * chunk.byteLength)
    assert.ok(Number(read.ahead) < 50, `${read.ahead} chunks were written before anybody read`)
  })

  test('tells of the end: finish and close, in this order, on the response and the request', async () => {
    const events: string[] = []
    await answerOf((req, res) => {
      for (const event of ['finish', 'close'])
        res.on(event, () => events.push(`${event} ${res.writableFinished} ${res.destroyed}`))
      req.on('close', () => events.push('request'))
      res.end('x')
    })
    await turn()
    await turn()
    assert.deepEqual(events, ['finish true false', 'close true true', 'request'])
  })

  test('fails where its response is destroyed, before the head and after', async () => {
    const broken = { code: 'ERR_MILLRACE_BROKEN_RESPONSE' }
    await assert.rejects(
      answerOf((_req, res) => void res.destroy()),
      broken,
    )
    await assert.rejects(
      answerOf(async (_req, res) => {
        res.write('a')
        await turn()
        res.destroy()
      }),
      broken,
    )
  })

  test('ends for the handler when its signal aborts, and when nobody reads on', async () => {
    const controller = new AbortController()
    const events: string[] = []
    const watched: RequestListener = (req, res) => {
      req.on('aborted', () => events.push('aborted'))
      res.on('close', () => events.push(`close ${res.writableFinished}`))
      res.write('a')
    }
    const reason = new Error('enough')
    const aborted = answerOf(watched, { signal: controller.signal })
    setImmediate(() => controller.abort(reason))
    await assert.rejects(aborted, reason)
    await answerOf(watched, {}, async ({ body }) => {
      assert.ok(body !== null && !(body instanceof Uint8Array))
      for await (const _ of body) break
    })
    await turn()
    assert.deepEqual(events.sort(), ['aborted', 'aborted', 'close false', 'close false'])
  })
})
