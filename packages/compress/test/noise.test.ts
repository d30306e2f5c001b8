import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { keepEncodings, millrace, type Reply, reply } from '@millrace/core'
import { fakeExchange } from '@millrace/testing'
import fc from 'fast-check'
import { type CompressRule, compress } from '../src/index.ts'
import { withComment } from '../src/noise.ts'

const text = 'All work and no play makes Jack a dull boy. '.repeat(50)
const plain = zlib.gzipSync(text, { level: 6 })

describe('a comment', () => {
  it('makes what is encoded longer, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(3000), (body, length) => {
        const bytes = zlib.gzipSync(body)
        const longer = withComment(bytes, length)
        assert.equal(longer.byteLength, bytes.byteLength + length + 1)
        assert.ok(zlib.gunzipSync(longer).equals(body))
      }),
    )
  })

  it('stays away from what has other fields', () => {
    const named = Buffer.concat([plain.subarray(0, 10), Buffer.from('a.txt\0'), plain.subarray(10)])
    named[3] = 8
    assert.equal(zlib.gunzipSync(withComment(named, 5)).toString(), text)
  })
})

describe('noise', () => {
  const site = (rule: CompressRule, random?: (most: number) => number) => {
    const mill = millrace({
      plugins: [compress(random ? { random } : {})],
      routes: { '/**': { compress: rule } },
    })
    return async (body: Parameters<typeof reply>[2], accept = 'gzip, br, zstd'): Promise<Reply> => {
      const exchange = fakeExchange({
        headers: { 'accept-encoding': accept },
        handler: () =>
          reply(200, { 'content-type': 'text/plain', 'content-length': text.length, etag: '"a"' }, body),
      })
      return mill.match('GET', '/').run(exchange)
    }
  }
  const bytesOf = ({ body }: Reply): Uint8Array => {
    assert.ok(body instanceof Uint8Array)
    return body
  }

  for (const [noise, most] of [
    [true, 100],
    [1000, 1000],
  ] as const) {
    it(`${noise}: up to ${most} bytes, others each time, by gzip alone`, async () => {
      const asked: number[] = []
      const lengths = [0, most, 3]
      const ask = site({ noise, etag: 'suffix' }, (limit) => {
        asked.push(limit)
        return lengths[asked.length - 1] ?? 0
      })
      for (const length of lengths) {
        const given = await ask(text)
        assert.equal(given.headers.get('content-encoding'), 'gzip')
        assert.equal(given.headers.get('etag'), 'W/"a"')
        assert.equal(given.headers.get('content-length'), String(bytesOf(given).byteLength))
        assert.equal(bytesOf(given).byteLength, plain.byteLength + length + 1)
        assert.equal(zlib.gunzipSync(bytesOf(given)).toString(), text)
      }
      assert.deepEqual(asked, [most, most, most])
      assert.equal((await ask(text, 'br')).headers.get('content-encoding'), undefined)
    })
  }

  it('is on the first bytes of a stream', async () => {
    const ask = site({ noise: true }, () => 50)
    const { body } = await ask(new Blob([text]).stream())
    assert.ok(body !== null && !(body instanceof Uint8Array))
    const chunks: Uint8Array[] = []
    for await (const bytes of body) chunks.push(bytes)
    assert.equal(zlib.gunzipSync(Buffer.concat(chunks)).toString(), text)
    assert.match(Buffer.concat(chunks).toString('latin1'), /^.{10}-{50}\0/s)
  })

  it('is another one on what is kept', async () => {
    const body = Buffer.from(text)
    const beside = new Map<string, Uint8Array>()
    keepEncodings(body, {
      get: (coding) => beside.get(coding),
      set: (coding, bytes) => void beside.set(coding, bytes),
    })
    let length = 0
    const ask = site({ noise: true }, () => length++)
    for (const added of [1, 2, 3]) {
      const given = await ask(body)
      assert.equal(bytesOf(given).byteLength, plain.byteLength + added)
      assert.equal(given.headers.get('content-length'), String(plain.byteLength + added))
    }
    assert.deepEqual(beside.get('gzip')?.byteLength, plain.byteLength)
  })

  it('is random unless somebody says otherwise', async () => {
    const ask = site({ noise: true })
    const lengths = new Set<number>()
    for (let i = 0; i < 50; i++) lengths.add(bytesOf(await ask(text)).byteLength - plain.byteLength)
    assert.ok(lengths.size > 5)
    assert.ok([...lengths].every((length) => length >= 1 && length <= 101))
  })

  it('says what is wrong with it', () => {
    assert.throws(() => site({ noise: true, encodings: ['br'] }), /noise goes with gzip alone/)
    assert.throws(() => site({ noise: 0 }), /compress\.noise/)
  })
})
