import type { Transform } from 'node:stream'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { memo } from '@millrace/core'
import type { Coding, Quality } from './coding.ts'
import { Context } from './context.ts'

const {
  BROTLI_OPERATION_FLUSH,
  BROTLI_PARAM_LGWIN,
  BROTLI_PARAM_QUALITY,
  ZSTD_c_compressionLevel,
  ZSTD_c_windowLog,
  ZSTD_e_flush,
  Z_SYNC_FLUSH,
} = zlib.constants

/** Encodes as it is written to. */
export type Encoder = Transform & { flush(kind?: number): void }

/** One coding at one quality. */
export interface Coder {
  readonly coding: Coding
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
    quality: level,
    encode: (bytes) => context.encode(bytes) ?? zlib.deflateSync(bytes, { level }),
    encodeLater: (bytes) => deflate(bytes, { level }),
    stream: () => zlib.createDeflate({ level }),
    flush: Z_SYNC_FLUSH,
  }
})

export type Coders = Readonly<Record<Coding, Coder>>

export const codersOf = ({ zstd, br, gzip, deflate }: Quality): Coders => ({
  zstd: zstdCoder(zstd),
  br: brCoder(br),
  gzip: gzipCoder(gzip),
  deflate: deflateCoder(deflate),
})
