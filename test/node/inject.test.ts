import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { millrace, type Reply } from '@millrace/core'
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
