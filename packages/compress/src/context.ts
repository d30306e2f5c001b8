import zlib from 'node:zlib'

declare module 'node:zlib' {
  interface Zlib {
    /** Node's own binding. */
    readonly _handle?: {
      writeSync(
        flush: number,
        input: Uint8Array,
        inputAt: number,
        inputLength: number,
        output: Uint8Array,
        outputAt: number,
        outputLength: number,
      ): void
      reset(): void
    } | null
    /** What the last write left: of the output, of the input. */
    readonly _writeState?: Uint32Array
  }
}

/** What is encoded at once comes out smaller than this, or takes the long way. */
const outputSize = 64 * 1024
const output = new Uint8Array(outputSize)

/**
 * A compressor of zlib's (gzip, deflate) that is used again and again. Node's own functions make one for each call, with a quarter of a megabyte
 * of memory: for 2 KB that is a quarter of the work. They have no way to be asked for it, so this goes by what is below them.
 */
export class Context {
  readonly #encoder: zlib.Zlib

  constructor(encoder: zlib.Gzip | zlib.Deflate) {
    this.#encoder = encoder
  }

  /** @returns undefined where that is not to be had in this way */
  encode(bytes: Uint8Array): Uint8Array | undefined {
    const { _handle: handle, _writeState: left } = this.#encoder
    if (!handle || !left) return undefined
    handle.writeSync(zlib.constants.Z_FINISH, bytes, 0, bytes.byteLength, output, 0, outputSize)
    const [room = 0, rest] = left
    handle.reset()
    return rest === 0 && room > 0 ? output.slice(0, outputSize - room) : undefined
  }
}
