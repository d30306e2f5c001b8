import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { describe, it } from 'node:test'
import { millrace } from '@millrace/core'
import { timing } from '@millrace/timing'
import { type Handler, type Host, hosts, serve } from '../response-cache/hosts.ts'

interface Got {
  readonly text: string
  readonly head: IncomingMessage['headers']
  readonly trailers: IncomingMessage['trailers']
}

const ask = async (host: Host, handler: Handler, headers: Readonly<Record<string, string>>): Promise<Got> => {
  const mill = millrace({ plugins: [timing()], routes: { '/**': { timing: true } } })
  const { port, close } = await serve(host(mill, handler))
  try {
    const asked = request({ port, headers }).end()
    const [res]: IncomingMessage[] = await once(asked, 'response')
    assert.ok(res)
    let text = ''
    res.setEncoding('utf8')
    for await (const chunk of res) text += chunk
    return { text, head: res.headers, trailers: res.trailers }
  } finally {
    await close()
    await mill.stop()
  }
}

const trailers = { te: 'trailers' }

for (const [name, host] of Object.entries(hosts)) {
  describe(`the time until the last byte, on ${name}`, () => {
    it('stands behind a stream, for a client that takes trailers', async () => {
      const got = await ask(host, () => ({ text: 'a city', isStream: true }), trailers)
      assert.equal(got.text, 'a city')
      assert.match(String(got.trailers['server-timing']), /^end;dur=\d+\.\d$/)
    })

    it('is not there for others, nor behind a body that is there as a whole', async () => {
      const cases: readonly (readonly [headers: Readonly<Record<string, string>>, isStream: boolean])[] = [
        [{}, true],
        [{ te: 'gzip, xtrailers' }, true],
        [trailers, false],
      ]
      for (const [headers, isStream] of cases) {
        const got = await ask(host, () => ({ text: 'a city', isStream }), headers)
        assert.deepEqual([got.text, got.head.trailer, got.trailers], ['a city', undefined, {}])
      }
    })

    it('is not there where the handler has taken the chunks away', async () => {
      const fields = { 'Transfer-Encoding': 'identity' }
      const got = await ask(host, () => ({ text: 'a city', isStream: true, fields }), trailers)
      assert.deepEqual([got.text, got.trailers], ['a city', {}])
    })

    it('is not there where the handler says its length', async () => {
      const handler: Handler = () => ({ text: 'a city', isStream: true, fields: { 'Content-Length': '6' } })
      const got = await ask(host, handler, trailers)
      assert.deepEqual([got.text, got.trailers], ['a city', {}])
    })
  })
}
