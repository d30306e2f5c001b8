import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { type Coding, codings } from '../src/coding.ts'
import { ContentRefusedError } from '../src/content-refused-error.ts'
import { decodedContent, type Limits, type Tally } from '../src/decoded-content.ts'
import type { Refusal } from '../src/request-policy.ts'

const encode: Readonly<Record<Coding, (bytes: Uint8Array) => Buffer>> = {
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
}

async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length] ?? bytes.byteLength
    yield bytes.subarray(at, at + size)
    at += size
  }
}

const generous: Limits = { limit: Number.POSITIVE_INFINITY, ratio: Number.POSITIVE_INFINITY }

const decode = async (
  source: AsyncIterable<Uint8Array>,
  applied: readonly Coding[],
  limits: Limits = generous,
  tally: Tally = { bytesIn: 0, bytesOut: 0 },
  length?: number,
): Promise<Buffer> => {
  const out: Uint8Array[] = []
  for await (const bytes of decodedContent(source, applied, limits, tally, length)) out.push(bytes)
  return Buffer.concat(out)
}

const refused = (why: Refusal) => (error: unknown) =>
  error instanceof ContentRefusedError && error.why === why

/** Some of it gets smaller. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat({ max: 20_000 }).map((size) => Buffer.alloc(size, 'ab')),
    ),
  )
  .map((parts) => Buffer.concat(parts))
const pieces = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })
const coding = fc.constantFrom(...codings)

describe('encoded content', () => {
  it('is decoded to what it was, in whatever pieces and however often encoded', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.array(coding, { maxLength: 3 }), pieces, async (bytes, applied, sizes) => {
        const encoded = applied.reduce<Buffer>((before, each) => encode[each](before), bytes)
        const tally = { bytesIn: 0, bytesOut: 0 }
        assert.ok((await decode(inPieces(encoded, sizes), applied, generous, tally)).equals(bytes))
        assert.deepEqual(tally, { bytesIn: encoded.byteLength, bytesOut: bytes.byteLength })
      }),
    )
  })

  it('is refused where it breaks off, or goes on after its end', async () => {
    const text = Buffer.from('It was a bright cold day in April. '.repeat(20))
    for (const each of codings) {
      const encoded = encode[each](text)
      for (let length = 1; length < encoded.byteLength; length++) {
        const part = inPieces(encoded.subarray(0, length), [7])
        await assert.rejects(decode(part, [each]), refused('malformed'), `${each}: ${length} bytes`)
      }
      for (const more of ['x', '\0\0\0\0', 'garbage'])
        for (const sizes of [[1000], [encoded.byteLength], [3]]) {
          const longer = inPieces(Buffer.concat([encoded, Buffer.from(more)]), sizes)
          await assert.rejects(decode(longer, [each]), refused('malformed'), `${each}: ${more} by ${sizes}`)
        }
      await assert.rejects(decode(inPieces(text, [50]), [each]), refused('malformed'))
    }
  })

  it('may be of several members of gzip, and several frames of zstd', async () => {
    const parts = ['one ', 'two ', 'three'].map((part) => Buffer.from(part))
    for (const each of ['gzip', 'zstd'] as const) {
      const encoded = Buffer.concat(parts.map(encode[each]))
      for (const sizes of [[1000], [1], [7], [encode[each](Buffer.from('one ')).byteLength, 1000]])
        assert.equal(
          String(await decode(inPieces(encoded, sizes), [each])),
          'one two three',
          `${each} ${sizes}`,
        )
    }
  })

  it('may be nothing', async () => {
    for (const each of codings) {
      assert.equal((await decode(inPieces(Buffer.alloc(0), [1]), [each])).byteLength, 0)
      assert.equal((await decode(inPieces(encode[each](Buffer.alloc(0)), [1]), [each])).byteLength, 0)
    }
  })

  it('of zstd with a larger window than senders may use is refused', async () => {
    const params = { [zlib.constants.ZSTD_c_windowLog]: 24 }
    // Of a length that is not known: what is known to be shorter gets a smaller window.
    const encoder = zlib.createZstdCompress({ params })
    encoder.write('abc')
    encoder.end('def')
    const encoded = Buffer.concat(await encoder.toArray())
    await assert.rejects(decode(inPieces(encoded, [1000]), ['zstd']), refused('malformed'))
  })

  it('is as large as the limit at most, as it comes and as it is', async () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i) % 251))
    const limit = bytes.byteLength
    for (const each of codings) {
      const encoded = encode[each](bytes)
      assert.ok((await decode(inPieces(encoded, [99]), [each], { ...generous, limit })).equals(bytes))
      const less = decode(inPieces(encoded, [99]), [each], { ...generous, limit: limit - 1 })
      await assert.rejects(less, refused('size'))
      const few = decode(inPieces(encoded, [99]), [each], { ...generous, limit: encoded.byteLength - 1 })
      await assert.rejects(few, refused('size'))
    }
  })

  it('is refused before a bomb has gone off, also one within another, and reads no more of it', async () => {
    const zeros = Buffer.alloc(10 * 1024 ** 2)
    for (const each of codings)
      for (const [applied, encoded] of [
        [[each], encode[each](zeros)],
        [[each, 'gzip'], encode.gzip(encode[each](zeros))],
        // Nothing comes of what is between: gzip's name of a file has no end.
        [
          ['gzip', each],
          encode[each](Buffer.concat([Buffer.from('1f8b08080000000000ff', 'hex'), zeros.fill('x')])),
        ],
      ] as const)
        for (const [limits, why] of [
          [{ limit: 1024 ** 2, ratio: Number.POSITIVE_INFINITY }, 'size'],
          [{ limit: Number.POSITIVE_INFINITY, ratio: 20 }, 'ratio'],
        ] as const) {
          const tally = { bytesIn: 0, bytesOut: 0 }
          await assert.rejects(decode(inPieces(encoded, [1000]), applied, limits, tally), refused(why))
          assert.ok(tally.bytesOut <= 1024 ** 2, `${applied}: ${tally.bytesOut} bytes came out`)
        }
  })

  it('may get many times as large while it is small', async () => {
    const bytes = Buffer.alloc(64 * 1024)
    const encoded = encode.gzip(bytes)
    assert.ok(bytes.byteLength > 100 * encoded.byteLength)
    assert.equal(
      (await decode(inPieces(encoded, [1000]), ['gzip'], { ...generous, ratio: 100 })).byteLength,
      65_536,
    )
  })

  it('gives its decoders back, however it ends', async (t) => {
    const made: { readonly destroyed: boolean }[] = []
    const watch = <T extends { readonly destroyed: boolean }>(make: (...args: never[]) => T) =>
      t.mock.fn((...args: never[]): T => {
        const decoder = make(...args)
        made.push(decoder)
        return decoder
      })
    t.mock.method(zlib, 'createGunzip', watch(zlib.createGunzip))
    t.mock.method(zlib, 'createBrotliDecompress', watch(zlib.createBrotliDecompress))
    const encoded = encode.br(encode.gzip(Buffer.alloc(500_000)))
    const applied = ['gzip', 'br'] as const
    await decode(inPieces(encoded, [100]), applied)
    await assert.rejects(decode(inPieces(encoded, [100]), applied, { ...generous, limit: 100_000 }))
    await assert.rejects(decode(inPieces(encoded.subarray(0, -3), [100]), applied))
    for await (const _ of decodedContent(inPieces(encoded, [100]), applied, generous, {
      bytesIn: 0,
      bytesOut: 0,
    }))
      break
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield encoded.subarray(0, 30)
      throw new Error('gone')
    }
    await assert.rejects(decode(broken(), applied), /gone/)
    assert.ok(made.length >= 9, `${made.length} decoders`)
    assert.ok(made.every(({ destroyed }) => destroyed))
  })
})

describe('small encoded content, of which it is known how long it is', () => {
  const change = fc.oneof(
    fc.constant((bytes: Buffer) => bytes),
    fc
      .nat({ max: 100 })
      .map((less) => (bytes: Buffer) => bytes.subarray(0, Math.max(0, bytes.byteLength - less))),
    fc.uint8Array({ maxLength: 5 }).map((more) => (bytes: Buffer) => Buffer.concat([bytes, more])),
    fc.constant((bytes: Buffer) => Buffer.concat([bytes, bytes])),
  )
  const bounds = fc.record({
    limit: fc.oneof(fc.nat({ max: 30_000 }), fc.constant(1024 ** 2)),
    ratio: fc.integer({ min: 1, max: 1000 }),
  })

  it('comes out as if that were not, or is refused for the same reason', async () => {
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.array(coding, { minLength: 1, maxLength: 3 }),
        pieces,
        change,
        bounds,
        async (bytes, applied, sizes, changed, limits) => {
          const encoded = changed(applied.reduce<Buffer>((before, each) => encode[each](before), bytes))
          const outcome = async (length?: number): Promise<unknown> => {
            const tally = { bytesIn: 0, bytesOut: 0 }
            try {
              const plain = await decode(inPieces(encoded, sizes), applied, limits, tally, length)
              return { plain: plain.toString('base64'), tally }
            } catch (error) {
              assert.ok(error instanceof ContentRefusedError)
              return error.why
            }
          }
          assert.deepEqual(await outcome(encoded.byteLength), await outcome())
        },
      ),
    )
  })

  it('is decoded at once', async (t) => {
    const made = t.mock.method(zlib, 'createGunzip').mock
    const [bytes, tally] = [Buffer.from('abc'.repeat(999)), { bytesIn: 0, bytesOut: 0 }]
    const encoded = encode.gzip(bytes)
    const { byteLength } = encoded
    assert.ok((await decode(inPieces(encoded, [7]), ['gzip'], generous, tally, byteLength)).equals(bytes))
    assert.equal(made.callCount(), 0)
    // Of what gets large, the event loop would hear nothing for too long.
    const large = Buffer.alloc(100_000)
    const long = encode.gzip(large)
    assert.ok((await decode(inPieces(long, [7]), ['gzip'], generous, tally, long.byteLength)).equals(large))
    assert.equal(made.callCount(), 1)
  })
})
