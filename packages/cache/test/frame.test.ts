import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import type { CompressionName } from '../src/compression.ts'
import { type Entry, plainEntry } from '../src/entry.ts'
import { decodeFrame, encodeFrame, type FrameOptions } from '../src/frame.ts'

const times = {
  createdAt: 1_767_225_600_000,
  freshUntil: 1_767_225_660_000.5,
  staleUntil: Number.POSITIVE_INFINITY,
}

const text = (length: number): string =>
  'All work and no play makes Jack a dull boy. '.repeat(length / 44 + 1).slice(0, length)

const encoded = (value: unknown, options: FrameOptions = {}): Uint8Array => {
  const frame = encodeFrame({ ...times, value }, options)
  assert.ok(frame instanceof Uint8Array)
  return frame
}

/** A frame whose checksum is right, whatever else. */
const forged = (codec: number, length: number, body: Uint8Array, version = 1): Uint8Array => {
  const head = Buffer.from([0x4d, 0x52, version, codec, 0, 0, 0, 0])
  head.writeUInt32BE(length, 4)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(zlib.crc32(body, zlib.crc32(head)))
  return Buffer.concat([head, checksum, body])
}

const packr = new Packr({ structuredClone: true })

const time = fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY), fc.double({ noNaN: true, min: 0 }))
const entry: fc.Arbitrary<Entry> = fc.record(
  {
    value: fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    }),
    createdAt: time,
    freshUntil: time,
    staleUntil: time,
    tags: fc.array(fc.string()),
    validator: fc.string({ unit: 'binary' }),
    cost: fc.nat(),
  },
  { requiredKeys: ['value', 'createdAt', 'freshUntil', 'staleUntil'] },
)

/** What the format changes, and says so: there is no -0 in it. */
const zeroed = (value: unknown): unknown => {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(zeroed)
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [zeroed(key), zeroed(held)]))
  if (value instanceof Set) return new Set([...value].map(zeroed))
  if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value) && !(value instanceof Date)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, held]) => [name === '__proto__' ? '__proto_' : name, zeroed(held)]),
    )
  }
  return value
}

describe('frames', () => {
  it('bring back every entry that is data', async () => {
    await fc.assert(
      fc.asyncProperty(
        entry,
        fc.constantFrom<CompressionName | false>('zstd', 'brotli', 'gzip', false),
        fc.nat(300),
        async (given, compression, threshold) => {
          const frame = await encodeFrame(given, { compression, threshold, background: 600 })
          assert.deepEqual(decodeFrame(frame), {
            ...plainEntry(given),
            value: zeroed(given.value),
            isOurs: true,
          })
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('keep dates, maps, sets, big integers, bytes, undefined and cycles', () => {
    const value = {
      date: new Date(5),
      map: new Map<unknown, unknown>([[{ a: 1 }, new Set([1, 'a'])]]),
      big: [2n ** 63n, -(2n ** 90n)],
      bytes: [new Uint8Array([1, 2]), Buffer.from('ab'), new Float64Array([1.5]), new ArrayBuffer(3)],
      nothing: undefined,
      never: Number.POSITIVE_INFINITY,
    }
    assert.deepEqual(decodeFrame(encoded(value))?.value, value)
    const loop: { self?: unknown } = {}
    loop.self = loop
    const back = decodeFrame(encoded(loop))?.value
    assert.ok(back !== null && typeof back === 'object' && 'self' in back && back.self === back)
  })

  it('hold bytes of their own: what is done to a value does not reach its frame, nor the other way', () => {
    const bytes = new Uint8Array(100).fill(7)
    const frame = encoded([bytes, Buffer.from(bytes)])
    bytes.fill(1)
    const first = decodeFrame(frame)?.value
    assert.ok(Array.isArray(first))
    for (const held of first) if (held instanceof Uint8Array) held.fill(9)
    assert.deepEqual(decodeFrame(frame)?.value, [new Uint8Array(100).fill(7), Buffer.alloc(100, 7)])
  })

  it('of large values are compressed, where it pays', async () => {
    assert.ok(encoded(text(900)).byteLength > 900)
    for (const compression of ['zstd', 'brotli', 'gzip'] as const) {
      const frame = encoded(text(5000), { compression })
      assert.ok(frame.byteLength < 500, `${compression}: ${frame.byteLength}`)
      assert.equal(decodeFrame(frame)?.value, text(5000))
    }
    assert.ok(encoded(text(5000), { compression: false }).byteLength > 5000)
    assert.ok(encoded(text(5000), { threshold: 10_000 }).byteLength > 5000)
    // Neither what cannot be compressed nor what was: the codec byte says so.
    assert.equal(encoded(randomBytes(5000))[3], 0)
    assert.equal(encoded(zlib.gzipSync(randomBytes(20_000).toString('hex')))[3], 0)
    assert.equal(encoded(randomBytes(5000).toString('base64'))[3], 1)
    // A sample that promises more than there is: 1 part in 20 can be compressed.
    assert.equal(encoded([Buffer.alloc(260), randomBytes(5000)])[3], 0)
  })

  it('of very large values are compressed beside the event loop', async () => {
    const value = text(200_000)
    const pending = encodeFrame({ ...times, value })
    assert.ok(pending instanceof Promise)
    // The packer's memory is used again before the other thread is done.
    for (let turn = 0; turn < 50; turn++) encoded(randomBytes(50_000), { compression: false })
    const frame = await pending
    assert.ok(frame.byteLength < 1000)
    assert.equal(decodeFrame(frame)?.value, value)
    assert.ok(encodeFrame({ ...times, value: randomBytes(200_000) }) instanceof Uint8Array)
  })

  const samples: Readonly<Record<string, Uint8Array>> = {
    small: encoded({ city: 'Ulm', inhabitants: 128_928, tags: ['a', 'b'] }),
    bytes: encoded(randomBytes(200)),
    zstd: encoded(text(3000)),
    brotli: encoded(text(3000), { compression: 'brotli' }),
    gzip: encoded(text(3000), { compression: 'gzip' }),
  }
  for (const [name, frame] of Object.entries(samples)) {
    it(`with any bit turned, any end cut off, or bytes too many are none: ${name}`, () => {
      assert.ok(decodeFrame(frame))
      const broken = Uint8Array.from(frame)
      for (let bit = 0; bit < frame.byteLength * 8; bit++) {
        const byte = bit >> 3
        broken[byte] = (frame[byte] ?? 0) ^ (1 << (bit & 7))
        assert.equal(decodeFrame(broken), undefined, `bit ${bit}`)
        broken[byte] = frame[byte] ?? 0
      }
      for (let length = 0; length < frame.byteLength; length++) {
        assert.equal(decodeFrame(frame.subarray(0, length)), undefined, `${length} bytes`)
      }
      assert.equal(decodeFrame(Buffer.concat([frame, Buffer.from([0])])), undefined)
    })
  }

  it('that are bytes of anything else are none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(5), (body, codec) => {
        decodeFrame(body)
        decodeFrame(forged(codec, body.byteLength, body))
      }),
    )
    for (const other of ['', '{"value":1}', '\x1f\x8b\x08'])
      assert.equal(decodeFrame(Buffer.from(other)), undefined)
  })

  it('of another version, of an unknown codec or without an entry inside are none', () => {
    const fields: readonly unknown[] = [1, 2, 3, undefined, undefined, undefined, undefined, 'value']
    const body = packr.pack(fields)
    assert.equal(decodeFrame(forged(0, body.byteLength, body))?.value, 'value')
    assert.equal(decodeFrame(forged(0, body.byteLength, body, 2)), undefined)
    assert.equal(decodeFrame(forged(9, body.byteLength, body)), undefined)
    const others: unknown[] = [
      'value',
      null,
      { length: 8 },
      fields.slice(0, 7),
      fields.with(0, '1'),
      fields.with(1, Number.NaN),
      fields.with(3, 'tag'),
      fields.with(3, [1]),
      fields.with(4, 5),
      fields.with(5, 'cheap'),
      fields.with(6, 'long'),
    ]
    for (const other of others) {
      const wrong = packr.pack(other)
      assert.equal(decodeFrame(forged(0, wrong.byteLength, wrong)), undefined)
    }
  })

  it('that would grow beyond what they say are none, and take no memory', () => {
    const bomb = Buffer.alloc(200 * 1024 * 1024)
    const bodies = [
      zlib.zstdCompressSync(bomb),
      zlib.brotliCompressSync(bomb, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
      zlib.gzipSync(bomb, { level: 1 }),
    ]
    const before = process.resourceUsage().maxRSS
    for (const [index, body] of bodies.entries()) {
      for (const length of [0, 100, 1024 * 1024, bomb.byteLength, 2 ** 32 - 1]) {
        assert.equal(decodeFrame(forged(index + 1, length, body)), undefined)
      }
    }
    assert.ok(process.resourceUsage().maxRSS - before < 100 * 1024, 'kilobytes')
  })

  it('are not made of what is no data, nor of what is too large', () => {
    assert.throws(() => encodeFrame({ ...times, value: Symbol('none') }))
    assert.throws(() => encodeFrame({ ...times, value: Buffer.alloc(65 * 1024 * 1024) }), RangeError)
  })
})
