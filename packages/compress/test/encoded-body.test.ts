import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { codersOf } from '../src/coder.ts'
import { type Coding, codings, qualities } from '../src/coding.ts'
import { EncodedBody, type Flow } from '../src/encoded-body.ts'

const coders = codersOf(qualities.balanced)

const decoders: Readonly<Record<Coding, () => NodeJS.ReadWriteStream>> = {
  zstd: zlib.createZstdDecompress,
  br: zlib.createBrotliDecompress,
  gzip: zlib.createGunzip,
  deflate: zlib.createInflate,
}

const whole: Readonly<Record<Coding, (bytes: Uint8Array) => Uint8Array>> = {
  zstd: zlib.zstdDecompressSync,
  br: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
}

const flow = (own: Partial<Flow> = {}): Flow => ({
  clock: new VirtualClock(),
  patience: 50,
  ended: () => undefined,
  ...own,
})

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

/** A source that is pushed by hand, and tells whether it was given up. */
class Source implements AsyncIterable<Uint8Array> {
  isLeft = false
  #give: ((step: IteratorResult<Uint8Array>) => void) | undefined

  push(text: string): void {
    this.#give?.({ done: false, value: Buffer.from(text) })
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () =>
        new Promise((resolve) => {
          this.#give = resolve
        }),
      return: async () => {
        this.isLeft = true
        return { done: true, value: undefined }
      },
    }
  }
}

const collect = async (body: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const bytes of body) chunks.push(bytes)
  return Buffer.concat(chunks)
}

for (const coding of codings) {
  describe(`an encoded body: ${coding}`, () => {
    it('is the source again when it is decoded, however that comes', async () => {
      const chunks = fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.integer({ min: 1, max: 200_000 }).map((length) => new Uint8Array(length).fill(65)),
        ),
        { maxLength: 8 },
      )
      await fc.assert(
        fc.asyncProperty(chunks, fc.constantFrom(0, 50), async (parts, patience) => {
          let told: readonly number[] = []
          const body = new EncodedBody(
            from(parts),
            coders[coding],
            flow({
              patience,
              ended: (...counts) => {
                told = counts
              },
            }),
          )
          const encoded = await collect(body)
          const plain = Buffer.concat(parts)
          assert.ok(Buffer.from(whole[coding](encoded)).equals(plain))
          assert.deepEqual(told, [plain.byteLength, encoded.byteLength])
        }),
        { numRuns: 25 },
      )
    })

    it('brings each event when it was sent', async () => {
      const source = new Source()
      const body = new EncodedBody(source, coders[coding], flow({ patience: 0 }))
      const decoder = decoders[coding]()
      const reading = (async () => {
        for await (const bytes of body) decoder.write(bytes)
      })()
      for (const text of ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']) {
        await settled()
        const arrived = once(decoder, 'data')
        source.push(text)
        assert.equal(String(await arrived), text)
      }
      body.close()
      await assert.rejects(reading)
      assert.equal(source.isLeft, true)
    })
  })
}

describe('an encoded body', () => {
  it('holds bytes back for a moment only, and for no moment that is over', async () => {
    const clock = new VirtualClock()
    const source = new Source()
    const output = new EncodedBody(source, coders.gzip, flow({ clock }))[Symbol.asyncIterator]()
    const first = output.next()
    await settled()
    source.push('half a page')
    await settled()
    assert.equal(clock.pending, 1)
    await clock.advance(50)
    assert.equal(clock.pending, 0)
    let bytes = Buffer.from((await first).value)
    // The ten bytes of the head are a chunk of their own.
    if (bytes.byteLength <= 10) bytes = Buffer.concat([bytes, (await output.next()).value])
    assert.equal(
      zlib.gunzipSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString(),
      'half a page',
    )
    source.push('more')
    await settled()
    assert.equal(clock.pending, 1)
    await output.return?.()
    await settled()
    assert.equal(clock.pending, 0)
  })

  it('leaves its source when it is given up before it was read', async () => {
    const source = new Source()
    const body = new EncodedBody(source, coders.br, flow())
    await body[Symbol.asyncIterator]().return?.()
    assert.equal(source.isLeft, true)
  })

  it('leaves its source, and its reader, when it is closed', async () => {
    const source = new Source()
    let isTold = false
    const body = new EncodedBody(source, coders.br, flow({ ended: () => (isTold = true) }))
    const reading = body[Symbol.asyncIterator]().next()
    await settled()
    body.close()
    await assert.rejects(reading)
    assert.equal(source.isLeft, true)
    assert.equal(isTold, false)
  })

  it('fails as its source does', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a')
      throw new Error('torn')
    }
    await assert.rejects(collect(new EncodedBody(broken(), coders.zstd, flow())), /torn/)
  })

  it('reads no further than its reader', async () => {
    let given = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 65_536
        yield crypto.getRandomValues(new Uint8Array(65_536))
      }
    }
    const output = new EncodedBody(endless(), coders.gzip, flow())[Symbol.asyncIterator]()
    let read = 0
    for (let i = 0; i < 100; i++) read += (await output.next()).value.byteLength
    assert.ok(given - read < 1_000_000, `${given} were taken for ${read}`)
    await output.return?.()
  })

  it('keeps what its source writes over', async () => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(50_000)
      for (const fill of [1, 2, 3, 4]) {
        buffer.fill(fill)
        yield buffer
      }
    }
    const plain = zlib.gunzipSync(await collect(new EncodedBody(reusing(), coders.gzip, flow())))
    assert.deepEqual(
      [0, 50_000, 100_000, 150_000].map((at) => plain[at + 49_999]),
      [1, 2, 3, 4],
    )
  })
})
