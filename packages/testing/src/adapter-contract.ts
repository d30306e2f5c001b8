import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import { describe, test } from 'node:test'
import { type Exchange, type Layer, type Outcome, type Reply, reply, tap } from '@millrace/core'
import type { HostUnderTest, Scene } from './host-under-test.ts'
import { serveFor, type Use } from './serve-for.ts'
import { upper } from './upper.ts'
import { settled } from './virtual-clock.ts'

/** The behaviour that every adapter has in common: run it from the adapter's own tests. */
export const adapterContract = (host: HostUnderTest): void => {
  const around = (
    layer: Layer<Exchange, Reply>,
    set: Readonly<Record<string, Scene>>,
    use: Use,
  ): Promise<void> => serveFor(host, layer, set, use)

  describe(`adapter contract: ${host.name}`, () => {
    const hello: Scene = { does: 'json', value: { hello: 'world' } }

    test('a layer sees the reply of the handler', async () => {
      let seen: { status: number; type: string | undefined; body: string | undefined } | undefined
      await around(
        async (exchange, next) => {
          const answer = await next(exchange)
          const type = answer.headers.get('content-type')
          const { status } = answer
          void tap(answer, 1000).then((bytes) => {
            seen = { status, type, body: bytes && new TextDecoder().decode(bytes) }
          })
          return answer
        },
        {
          '/json': hello,
          '/text': { does: 'text', status: 418, text: 'teapot' },
          '/stream': { does: 'stream', chunks: ['a', 'b', 'c'], step: settled },
          '/empty': { does: 'empty', status: 204 },
        },
        async (get) => {
          assert.equal((await get('/json')).body, '{"hello":"world"}')
          assert.equal(seen?.body, '{"hello":"world"}')
          assert.match(seen.type ?? '', /^application\/json/)
          await get('/text')
          assert.deepEqual([seen.status, seen.body], [418, 'teapot'])
          assert.equal((await get('/stream')).body, 'abc')
          assert.equal(seen.body, 'abc')
          assert.equal((await get('/empty')).status, 204)
          assert.deepEqual([seen.status, seen.body], [204, ''])
          assert.equal((await get('/nowhere')).status, 404)
          assert.equal(seen.status, 404)
        },
      )
    })

    test('a stream goes out chunk by chunk, as the handler writes it', async () => {
      const steps: (() => void)[] = []
      await around(
        (exchange, next) => next(exchange),
        {
          '/stream': {
            does: 'stream',
            chunks: ['one', 'two', 'three'],
            step: () => new Promise((resolve) => steps.push(resolve)),
          },
        },
        async (_, port) => {
          const answer = await new Promise<IncomingMessage>((resolve, reject) => {
            request({ port, path: '/stream' }, resolve).on('error', reject).end()
          })
          const got: string[] = []
          for await (const chunk of answer) {
            got.push(String(chunk))
            steps.shift()?.()
          }
          assert.deepEqual(got, ['one', 'two', 'three'])
        },
      )
    })

    test('what a layer changes arrives: status, fields, bytes, stream', async () => {
      await around(
        async (exchange, next) => {
          const answer = await next(exchange)
          answer.headers.set('x-layer', exchange.path)
          if (exchange.path === '/status') answer.status = 202
          if (exchange.path === '/bytes') answer.body = new TextEncoder().encode('other')
          if (exchange.path === '/stream' || exchange.path === '/json') answer.body = upper(answer.body)
          if (exchange.path === '/none') {
            answer.status = 204
            answer.body = null
          }
          return answer
        },
        {
          '/status': hello,
          '/bytes': hello,
          '/json': hello,
          '/none': hello,
          '/stream': { does: 'stream', chunks: ['a', 'b'], step: settled },
        },
        async (get) => {
          assert.equal((await get('/status')).status, 202)
          const bytes = await get('/bytes')
          assert.deepEqual(
            [bytes.body, bytes.headers['content-length'], bytes.headers['x-layer']],
            ['other', '5', '/bytes'],
          )
          assert.equal((await get('/json')).body, '{"HELLO":"WORLD"}')
          assert.equal((await get('/stream')).body, 'AB')
          const none = await get('/none')
          assert.deepEqual([none.status, none.body], [204, ''])
        },
      )
    })

    test('a layer may read the whole body before it returns', async () => {
      await around(
        async (exchange, next) => {
          const answer = await next(exchange)
          const chunks: Uint8Array[] = []
          for await (const chunk of upper(answer.body)) chunks.push(chunk)
          answer.body = Buffer.concat(chunks)
          return answer
        },
        { '/stream': { does: 'stream', chunks: ['a', 'b', 'c'], step: settled }, '/json': hello },
        async (get) => {
          assert.equal((await get('/stream')).body, 'ABC')
          assert.equal((await get('/json')).body, '{"HELLO":"WORLD"}')
        },
      )
    })

    test('a layer may answer by itself: the handler does not run', async () => {
      let ran = 0
      const watched: Scene = { does: 'wait', asked: async () => void ran++ }
      await around(
        async (exchange) => {
          if (exchange.path === '/stream')
            return reply(200, { 'x-own': '1' }, upper(new TextEncoder().encode('own')))
          return reply(
            exchange.path === '/none' ? 204 : 203,
            { 'x-own': ['1', '2'] },
            exchange.path === '/none' ? null : 'own',
          )
        },
        { '/bytes': watched, '/stream': watched, '/none': watched },
        async (get) => {
          const bytes = await get('/bytes')
          assert.deepEqual(
            [bytes.status, bytes.body, bytes.headers['x-own'], bytes.headers['content-length']],
            [203, 'own', '1, 2', '3'],
          )
          assert.equal((await get('/stream')).body, 'OWN')
          assert.equal((await get('/none')).status, 204)
          const head = await get('/bytes', { method: 'HEAD' })
          assert.deepEqual([head.status, head.body, head.headers['content-length']], [203, '', '3'])
          assert.equal(ran, 0)
        },
      )
    })

    test('a late handler is harmless, and is told to stop', async () => {
      const late = Promise.withResolvers<void>()
      let stopped: unknown
      await around(
        async (exchange, next) => {
          if (exchange.path !== '/slow') return next(exchange)
          exchange.signal.addEventListener('abort', () => {
            stopped = exchange.signal.reason
          })
          next(exchange).catch(() => undefined)
          return reply(503, {}, 'too slow')
        },
        { '/slow': { does: 'wait', asked: () => late.promise }, '/json': hello },
        async (get) => {
          const slow = await get('/slow')
          assert.deepEqual([slow.status, slow.body], [503, 'too slow'])
          assert.ok(stopped instanceof Error)
          late.resolve()
          await settled()
          // On the same connection: a late byte would be taken for the start of this answer.
          assert.equal((await get('/json')).body, '{"hello":"world"}')
        },
      )
    })

    test('the handler runs once', async () => {
      let second: unknown
      await around(
        async (exchange, next) => {
          const answer = await next(exchange)
          second = await next(exchange).catch((error: unknown) => error)
          return answer
        },
        { '/json': hello },
        async (get) => {
          assert.equal((await get('/json')).status, 200)
          assert.match(String(second), /the handler of GET \S+ has run already/)
        },
      )
    })

    test("errors of handlers and of layers reach the host's error handling", async () => {
      const seen: string[] = []
      await around(
        async (exchange, next) => {
          if (exchange.path === '/layer') throw new Error('the layer broke')
          if (exchange.path === '/after') {
            await next(exchange)
            throw new Error('the layer broke late')
          }
          try {
            const answer = await next(exchange)
            seen.push(`reply ${answer.status}`)
            return answer
          } catch (error) {
            seen.push(`thrown ${error instanceof Error ? error.message : ''}`)
            throw error
          }
        },
        {
          '/throw': { does: 'throw', error: new Error('the handler broke') },
          '/layer': hello,
          '/after': hello,
          '/json': hello,
        },
        async (get) => {
          if (host.routes) {
            const thrown = await get('/throw')
            assert.deepEqual([thrown.status, thrown.body], [500, 'the handler broke'])
            assert.deepEqual(seen, [host.throws ? 'thrown the handler broke' : 'reply 500'])
            assert.equal((await get('/layer')).body, 'the layer broke')
            assert.equal((await get('/after')).body, 'the layer broke late')
          }
          assert.equal((await get('/layer')).status, 500)
          assert.equal((await get('/after')).status, 500)
          assert.equal((await get('/json')).status, 200)
        },
      )
    })

    test('done settles after the last byte, with what was sent', async () => {
      const outcomes: Outcome[] = []
      await around(
        async (exchange, next) => {
          void exchange.done.then((outcome) => outcomes.push(outcome))
          return next(exchange)
        },
        { '/json': hello, '/stream': { does: 'stream', chunks: ['abc', 'de'], step: settled } },
        async (get) => {
          for (const path of ['/json', '/stream']) await get(path)
          await get('/json', { method: 'HEAD' })
          await get('/json')
          assert.deepEqual(outcomes.slice(0, 3), [
            { bytes: 17, aborted: false, broken: false, status: 200 },
            { bytes: 5, aborted: false, broken: false, status: 200 },
            { bytes: 0, aborted: false, broken: false, status: 200 },
          ])
        },
      )
    })

    test('a client that leaves aborts the signal and settles done', async () => {
      const asked = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<readonly [Outcome, boolean]>()
      await around(
        async (exchange, next) => {
          const { signal } = exchange
          void exchange.done.then((outcome) => ended.resolve([outcome, signal.aborted]))
          return next(exchange)
        },
        {
          '/slow': {
            does: 'wait',
            asked: () => {
              asked.resolve()
              return new Promise(() => undefined)
            },
          },
        },
        async (_, port) => {
          const left = request({ port, path: '/slow' }).on('error', () => undefined)
          left.end()
          await asked.promise
          left.destroy()
          assert.deepEqual(await ended.promise, [{ bytes: 0, aborted: true, broken: false, status: 0 }, true])
        },
      )
    })

    test('the exchange tells the request', async () => {
      let seen: unknown
      await around(
        async (exchange, next) => {
          const answer = await next(exchange)
          seen = [
            exchange.method,
            exchange.url,
            exchange.path,
            exchange.query.get('q'),
            exchange.headers['x-a'] + exchange.httpVersion,
            exchange.route,
            exchange.client.address.replace('::ffff:', ''),
          ]
          return answer
        },
        { '/items/:id': hello },
        async (get) => {
          await get('/items/5?q=x', { headers: { 'X-A': 'b' } })
          assert.deepEqual(seen, [
            'GET',
            '/items/5?q=x',
            '/items/5',
            'x',
            'b1.1',
            host.routes ? '/items/:id' : '/**',
            '127.0.0.1',
          ])
        },
      )
    })

    test('false switches off; the table can be replaced while running', async () => {
      await around(
        async (exchange, next) => {
          const answer = await next(exchange)
          answer.headers.set('x-layer', '1')
          return answer
        },
        { '/off/x': hello, '/json': hello },
        async (get, _, mill) => {
          assert.equal((await get('/json')).headers['x-layer'], '1')
          assert.equal((await get('/off/x')).headers['x-layer'], undefined)
          mill.configure({ routes: {} })
          assert.equal((await get('/json')).headers['x-layer'], undefined)
        },
      )
    })

    test('a path that could be read under another rule is refused', async () => {
      await around(
        (exchange, next) => next(exchange),
        { '/off/x': hello },
        async (get) => {
          for (const path of ['/%6fff/x', '/json/..%2Foff/x']) assert.equal((await get(path)).status, 400)
        },
      )
    })
  })
}
