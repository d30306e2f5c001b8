import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { codersOf } from '../src/coder.ts'
import { type Coding, codings, levels, qualities } from '../src/coding.ts'

const decoders: Readonly<Record<Coding, (bytes: Uint8Array) => Uint8Array>> = {
  zstd: zlib.zstdDecompressSync,
  br: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
}

const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc.string({ maxLength: 40 }).chain((text) => fc.nat(5000).map((times) => Buffer.from(text.repeat(times)))),
  // More than there is room for.
  fc.constant(crypto.getRandomValues(Buffer.alloc(65_536))),
  fc.constant(Buffer.concat([1, 2].map(() => crypto.getRandomValues(new Uint8Array(50_000))))),
)

for (const coding of codings) {
  it(`${coding} is the body again when it is decoded, whatever was encoded before, in this thread and in another`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...levels), fc.array(bodies, { maxLength: 4 }), async (level, all) => {
        const coder = codersOf(qualities[level])[coding]
        for (const body of all) {
          const [here, there] = [coder.encode(body), await coder.encodeLater(body)]
          assert.ok(Buffer.from(decoders[coding](here)).equals(body))
          assert.ok(Buffer.from(decoders[coding](there)).equals(body))
          // Node's own function begins anew each time.
          if (coding === 'gzip' || coding === 'deflate') assert.ok(Buffer.from(here).equals(there))
        }
      }),
      { numRuns: 20 },
    )
  })
}

describe('levels', () => {
  const city = (id: number): object => ({ id, name: `City ${id}`, lat: 46.9 + id / 97, lon: 7.4 + id / 89 })
  const text = Buffer.from(JSON.stringify(Array.from({ length: 300 }, (_, id) => city(id))))
  for (const coding of codings) {
    it(`${coding} of a higher level is smaller`, () => {
      const [fast = 0, balanced = 0] = levels.map(
        (level) => codersOf(qualities[level])[coding].encode(text).byteLength,
      )
      assert.ok(fast > balanced, `${fast}, ${balanced}`)
    })
  }

  it('what one coder gave is not written over by the next', () => {
    const { gzip } = codersOf(qualities.balanced)
    const first = gzip.encode(text)
    gzip.encode(Buffer.from('something else'))
    assert.ok(zlib.gunzipSync(first).equals(text))
  })
})
