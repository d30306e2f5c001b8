import { decodeFrame, encodeFrame, type FrameOptions } from '../../src/frame.ts'

// What a frame costs beside JSON, in microseconds: see test/bench/frames.ts.

const cityOf = (neighbours: number): object => ({
  id: 7,
  name: 'The city with the number 7',
  at: { lat: 1, lon: 7 / 3 },
  neighbours: Array.from({ length: neighbours }, (_, i) => ({
    id: 7 + i,
    name: `Neighbour ${i} of 7`,
    distanceKm: (7 * (i + 1)) % 97,
    population: (7 * 7919 * (i + 1)) % 1_000_003,
  })),
})

const values: readonly (readonly [string, object])[] = [
  ['object of 0.2 KB', cityOf(1)],
  ['object of 2 KB', cityOf(24)],
  ['object of 64 KB', cityOf(830)],
  ['text of 2 KB, as bytes', Buffer.from(JSON.stringify(cityOf(24)))],
]

interface Way {
  readonly label: string
  encode(value: object): Uint8Array | Promise<Uint8Array>
  decode(bytes: Uint8Array): unknown
}

const frame = (label: string, options: FrameOptions): Way => ({
  label,
  encode: (value) => encodeFrame({ value, createdAt: 1, freshUntil: 2, staleUntil: 3 }, options),
  decode: decodeFrame,
})

const ways: readonly Way[] = [
  {
    label: 'JSON',
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()),
  },
  frame('frame', { compression: false }),
  frame('zstd', { compression: 'zstd' }),
  frame('gzip', { compression: 'gzip' }),
  frame('brotli', { compression: 'brotli' }),
]

/** Microseconds for one of many. */
const time = (work: () => unknown): number => {
  const began = process.hrtime.bigint()
  let count = 0
  let took = 0
  do {
    for (let i = 0; i < 50; i++) work()
    count += 50
    took = Number(process.hrtime.bigint() - began)
  } while (took < 10e6)
  return took / count / 1000
}

console.log('| value | kept as | bytes | encode µs | decode µs |')
console.log('|---|---|---:|---:|---:|')
for (const [kind, value] of values) {
  const best = new Map(ways.map(({ label }) => [label, { encode: Infinity, decode: Infinity, bytes: 0 }]))
  // The fastest of rounds in turn: what else the machine does makes them slower, never faster.
  for (let round = 0; round < 12; round++) {
    for (const { label, encode, decode } of ways) {
      const bytes = await encode(value)
      const known = best.get(label)
      if (known === undefined) continue
      known.bytes = bytes.byteLength
      known.encode = Math.min(
        known.encode,
        time(() => encode(value)),
      )
      known.decode = Math.min(
        known.decode,
        time(() => decode(bytes)),
      )
    }
  }
  for (const [label, { bytes, encode, decode }] of best) {
    console.log(
      `| ${kind} | ${label} | ${bytes.toLocaleString('en')} | ${encode.toFixed(1)} | ${decode.toFixed(1)} |`,
    )
  }
}
