import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import type { Coding } from './coding.ts'
import { ContentRefusedError } from './content-refused-error.ts'

type Native = Transform & { readonly bytesWritten: number }

/** 8 MB, which is all that a sender may count on (RFC 9659). Brotli's is 16 MB at most. */
export const zstdWindow: zlib.ZstdOptions = { params: { [zlib.constants.ZSTD_d_windowLogMax]: 23 } }

const natives: Readonly<Record<Coding, () => Native>> = {
  zstd: () => zlib.createZstdDecompress(zstdWindow),
  br: () => zlib.createBrotliDecompress(),
  gzip: () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
}

/** One of Node's decoders, asked instead of listened to. */
class Decoder {
  readonly #native: Native
  #wake: (() => void) | undefined
  #isBroken = false

  constructor(coding: Coding) {
    const wake = (): void => this.#wake?.()
    this.#native = natives[coding]()
      .on('readable', wake)
      .on('end', wake)
      .on('error', () => this.#break())
  }

  /** What comes out of these bytes. @returns how many of them belong to it */
  async *take(bytes: Uint8Array): AsyncGenerator<Uint8Array, number> {
    const before = this.#native.bytesWritten
    let isTaken = false
    this.#native.write(bytes, (error) => {
      isTaken = true
      if (error) this.#break()
      else this.#wake?.()
    })
    yield* this.#until(() => isTaken)
    return this.#native.bytesWritten - before
  }

  /** What is left. */
  async *end(): AsyncGenerator<Uint8Array, void> {
    this.#native.end()
    yield* this.#until(() => this.#native.readableEnded)
  }

  /** Gives back the memory. */
  close(): void {
    this.#native.destroy()
  }

  #break(): void {
    this.#isBroken = true
    this.#wake?.()
  }

  async *#until(isDone: () => boolean): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const bytes: Uint8Array | null = this.#native.read()
      if (bytes !== null) yield bytes
      else if (this.#isBroken) throw new ContentRefusedError('malformed')
      else if (isDone()) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}

/**
 * A body without its last coding. No bytes are none. Gzip may have several members, and zstd several frames; nothing else may
 * follow what was encoded.
 *
 * @throws ContentRefusedError where it is not in this coding, or not whole
 */
export async function* undone(
  source: AsyncIterable<Uint8Array>,
  coding: Coding,
): AsyncGenerator<Uint8Array, void> {
  let decoder: Decoder | undefined
  try {
    for await (const chunk of source) {
      let rest = chunk
      while (rest.byteLength > 0) {
        decoder ??= new Decoder(coding)
        const taken: number = yield* decoder.take(rest)
        rest = rest.subarray(taken)
        if (rest.byteLength === 0) break
        // Node goes on to the next frame only where a chunk begins with it.
        if (coding !== 'zstd' || taken === 0) throw new ContentRefusedError('malformed')
        decoder.close()
        decoder = undefined
      }
    }
    if (decoder) yield* decoder.end()
  } finally {
    decoder?.close()
  }
}
