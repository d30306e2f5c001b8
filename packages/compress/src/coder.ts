import type { Transform } from 'node:stream'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { memo } from '@millrace/core'
import type { Coding, DictionaryCoding, Quality } from './coding.ts'
import { Context } from './context.ts'

const {
  BROTLI_OPERATION_FLUSH,
  BROTLI_PARAM_LGWIN,
  BROTLI_PARAM_QUALITY,
  ZSTD_c_chainLog,
  ZSTD_c_compressionLevel,
  ZSTD_c_hashLog,
  ZSTD_c_windowLog,
  ZSTD_e_flush,
  Z_SYNC_FLUSH,
} = zlib.constants

/** Encodes as it is written to. */
export type Encoder = Transform & { flush(kind?: number): void }

/** One coding at one quality. */
export interface Coder {
  readonly coding: Coding | DictionaryCoding
  /** What its results are kept by beside what they were made of: the coding, and what it needs. */
  readonly key: string
  readonly quality: number
  /** The whole at once, in this turn of the event loop. */
  encode(bytes: Uint8Array): Uint8Array
  /** The same in another thread. */
  encodeLater(bytes: Uint8Array): Promise<Uint8Array>
  stream(): Encoder
  /** What makes a stream give all that it has got. */
  readonly flush: number
}

/** 512 KB: a stream holds several times its window for as long as its client reads. */
const streamWindow = 19

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Uint8Array>(zlib.gzip)
const deflate = promisify<zlib.InputType, zlib.ZlibOptions, Uint8Array>(zlib.deflate)
const brotli = promisify<zlib.InputType, zlib.BrotliOptions, Uint8Array>(zlib.brotliCompress)
const zstd = promisify<zlib.InputType, zlib.ZstdOptions, Uint8Array>(zlib.zstdCompress)

/** Anew each time, like Brotli's: a context of theirs that is used again has forgotten its level. */
const zstdCoder = memo((quality: number): Coder => {
  const options = { params: { [ZSTD_c_compressionLevel]: quality } }
  const windowed = { params: { ...options.params, [ZSTD_c_windowLog]: streamWindow } }
  return {
    coding: 'zstd',
    key: 'zstd',
    quality,
    encode: (bytes) => zlib.zstdCompressSync(bytes, options),
    encodeLater: (bytes) => zstd(bytes, options),
    stream: () => zlib.createZstdCompress(windowed),
    flush: ZSTD_e_flush,
  }
})

const brCoder = memo((quality: number): Coder => {
  const options = { params: { [BROTLI_PARAM_QUALITY]: quality } }
  const windowed = { params: { ...options.params, [BROTLI_PARAM_LGWIN]: streamWindow } }
  return {
    coding: 'br',
    key: 'br',
    quality,
    encode: (bytes) => zlib.brotliCompressSync(bytes, options),
    encodeLater: (bytes) => brotli(bytes, options),
    stream: () => zlib.createBrotliCompress(windowed),
    flush: BROTLI_OPERATION_FLUSH,
  }
})

const gzipCoder = memo((level: number): Coder => {
  const context = new Context(zlib.createGzip({ level }))
  return {
    coding: 'gzip',
    key: 'gzip',
    quality: level,
    encode: (bytes) => context.encode(bytes) ?? zlib.gzipSync(bytes, { level }),
    encodeLater: (bytes) => gzip(bytes, { level }),
    stream: () => zlib.createGzip({ level }),
    flush: Z_SYNC_FLUSH,
  }
})

const deflateCoder = memo((level: number): Coder => {
  const context = new Context(zlib.createDeflate({ level }))
  return {
    coding: 'deflate',
    key: 'deflate',
    quality: level,
    encode: (bytes) => context.encode(bytes) ?? zlib.deflateSync(bytes, { level }),
    encodeLater: (bytes) => deflate(bytes, { level }),
    stream: () => zlib.createDeflate({ level }),
    flush: Z_SYNC_FLUSH,
  }
})

const magic: Readonly<Record<DictionaryCoding, Uint8Array>> = {
  // A frame that Zstandard skips.
  dcz: Uint8Array.of(0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0),
  dcb: Uint8Array.of(0xff, 0x44, 0x43, 0x42),
}

/** 8 MB: what every client holds (RFC 9842 section 5). */
const widest = 23

/**
 * Encodes against a dictionary: its name comes first, then what the libraries make of it.
 *
 * @param name its SHA-256, in base64
 */
export const dictionaryCoder = (
  coding: DictionaryCoding,
  quality: number,
  dictionary: Uint8Array,
  name: string,
): Coder => {
  const prefix = Buffer.concat([magic[coding], Buffer.from(name, 'base64')])
  const behind = (bytes: Uint8Array): Uint8Array => Buffer.concat([prefix, bytes])
  const begin = <E extends Encoder>(encoder: E): E => {
    encoder.push(prefix)
    return encoder
  }
  const what = { coding, key: `${coding} ${name}`, quality }
  if (coding === 'dcb') {
    // With less it does not look into the dictionary.
    const options = { params: { [BROTLI_PARAM_QUALITY]: Math.max(5, quality) }, dictionary }
    const windowed = { params: { ...options.params, [BROTLI_PARAM_LGWIN]: streamWindow }, dictionary }
    return {
      ...what,
      encode: (bytes) => behind(zlib.brotliCompressSync(bytes, options)),
      encodeLater: async (bytes) => behind(await brotli(bytes, options)),
      stream: () => begin(zlib.createBrotliCompress(windowed)),
      flush: BROTLI_OPERATION_FLUSH,
    }
  }
  // A window reaches back over what was encoded to the dictionary, so it has room for both.
  const window = Math.min(widest, Math.max(streamWindow, Math.ceil(Math.log2(2 * dictionary.byteLength))))
  // Its own tables have room for what is smaller: of 1 MB they forget a half.
  const tables = { [ZSTD_c_hashLog]: window - 1, [ZSTD_c_chainLog]: window - 1 }
  const params = {
    [ZSTD_c_compressionLevel]: quality,
    [ZSTD_c_windowLog]: window,
    ...(window > streamWindow && tables),
  }
  const options = { params, dictionary }
  return {
    ...what,
    encode: (bytes) => behind(zlib.zstdCompressSync(bytes, options)),
    encodeLater: async (bytes) => behind(await zstd(bytes, options)),
    stream: () => begin(zlib.createZstdCompress(options)),
    flush: ZSTD_e_flush,
  }
}

export type Coders = Readonly<Record<Coding, Coder>>

export const codersOf = ({ zstd, br, gzip, deflate }: Quality): Coders => ({
  zstd: zstdCoder(zstd),
  br: brCoder(br),
  gzip: gzipCoder(gzip),
  deflate: deflateCoder(deflate),
})
