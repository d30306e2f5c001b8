import { promisify } from 'node:util'
import zlib from 'node:zlib'

export type CompressionName = 'zstd' | 'brotli' | 'gzip'

/** One way to make bytes fewer. */
export interface Compression {
  /** What a frame names it by. */
  readonly id: number
  compress(bytes: Uint8Array): Uint8Array
  /** The same in another thread. */
  compressLater(bytes: Uint8Array): Promise<Uint8Array>
  /** @throws when there is more inside than `length`, before it takes the memory */
  decompress(bytes: Uint8Array, length: number): Uint8Array
}

const fastGzip = { level: 1 }
const fastBrotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }
const fastZstd = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }

/** At least one byte: the limit of zlib is a positive number. */
const atMost = (length: number): { maxOutputLength: number } => ({ maxOutputLength: Math.max(1, length) })

/** Each at its fastest: what a cache writes is read within the day, by machines that are near. */
export const compressions: Readonly<Record<CompressionName, Compression>> = {
  zstd: {
    id: 1,
    compress: (bytes) => zlib.zstdCompressSync(bytes, fastZstd),
    compressLater: (bytes) => promisify(zlib.zstdCompress)(bytes, fastZstd),
    decompress: (bytes, length) => zlib.zstdDecompressSync(bytes, atMost(length)),
  },
  brotli: {
    id: 2,
    compress: (bytes) => zlib.brotliCompressSync(bytes, fastBrotli),
    compressLater: (bytes) => promisify(zlib.brotliCompress)(bytes, fastBrotli),
    decompress: (bytes, length) => zlib.brotliDecompressSync(bytes, atMost(length)),
  },
  gzip: {
    id: 3,
    compress: (bytes) => zlib.gzipSync(bytes, fastGzip),
    compressLater: (bytes) => promisify(zlib.gzip)(bytes, fastGzip),
    decompress: (bytes, length) => zlib.gunzipSync(bytes, atMost(length)),
  },
}

const byId = new Map(Object.values(compressions).map((codec) => [codec.id, codec]))

export const compressionOf = (id: number): Compression | undefined => byId.get(id)

export const defaultCompression: CompressionName =
  typeof zlib.zstdCompressSync === 'function' ? 'zstd' : 'gzip'

const sample = 1024
const counts = new Uint16Array(256)

/**
 * Whether trying can pay, told from how often equal bytes meet in a sample: in what is compressed or encrypted already
 * they meet by chance alone. Costs a microsecond where trying costs the whole value, and needs no memory of kinds.
 */
export const pays = (bytes: Uint8Array): boolean => {
  counts.fill(0)
  // Odd, so that numbers of 2, 4 or 8 bytes show each of theirs.
  const step = Math.floor(bytes.byteLength / sample) | 1
  let meetings = 0
  let seen = 0
  for (let at = 0; at < bytes.byteLength; at += step) {
    const byte = bytes[at] ?? 0
    const before = counts[byte] ?? 0
    meetings += before
    counts[byte] = before + 1
    seen++
  }
  // 2^-7.4: below it a byte tells more than 7.4 bits, and at best 7 % would be gained.
  return meetings / ((seen * (seen - 1)) / 2) > 1 / 169
}
