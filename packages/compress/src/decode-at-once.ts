import zlib from 'node:zlib'
import type { Coding } from './coding.ts'
import { zstdWindow } from './decoder.ts'
import { freely } from './request-policy.ts'

/** What Node says when it is asked for more than the bytes: its types do not tell. */
interface Decoded {
  readonly buffer: Uint8Array
  /** How many bytes belonged to what was encoded. */
  readonly engine: { readonly bytesWritten: number }
}

type Decode = (
  bytes: Uint8Array,
  options: { readonly maxOutputLength: number; readonly info: true },
) => object

const natives: Readonly<Record<Coding, Decode>> = {
  zstd: (bytes, options) => zlib.zstdDecompressSync(bytes, { ...zstdWindow, ...options }),
  br: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
}

/**
 * A small body in the plain, in this turn of the event loop: another thread, and a stream to it, cost more than the work.
 *
 * @param codings in the order in which they were applied
 * @param limit bytes that may come of any of them
 * @returns undefined where that is not to be had in this way: it gets large, or is of several members, or malformed
 */
export const decodeAtOnce = (
  bytes: Uint8Array,
  codings: readonly Coding[],
  limit: number,
): Uint8Array | undefined => {
  const options = { maxOutputLength: Math.min(limit, freely), info: true } as const
  let plain = bytes
  try {
    for (const coding of codings.toReversed()) {
      const decoded = natives[coding](plain, options)
      if (!isDecoded(decoded) || decoded.engine.bytesWritten !== plain.byteLength) return undefined
      plain = decoded.buffer
    }
  } catch {
    return undefined
  }
  return plain
}

const isDecoded = (decoded: object): decoded is Decoded => 'engine' in decoded
