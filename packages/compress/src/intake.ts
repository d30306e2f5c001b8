import type { Encoder } from './coder.ts'

const least = 1024
const most = 64 * 1024

/** One that is encoded, and one that is filled meanwhile. */
const buffers = 2

/**
 * What an encoder is given: copies, as whoever writes may use his buffer again while another thread still reads it. What comes
 * while the encoder works goes to it in one piece, which saves turns between the threads; and it goes through the
 * same two buffers all the time, as new ones would keep the garbage collector busy.
 */
export class Intake {
  readonly #encoder: Encoder
  /** They grow with what comes, so that a stream of small events has small ones. */
  #size = least
  readonly #free: Buffer[] = []
  #filling: Buffer | undefined
  #filled = 0
  #given = 0
  /** What a flush is called, when one is wanted at rest. */
  #flush: number | undefined
  #wake: (() => void) | undefined

  constructor(encoder: Encoder) {
    this.#encoder = encoder
    encoder.once('close', () => this.#wake?.())
  }

  /** Settles when more may come, or when the encoder is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#given === buffers) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
      if (this.#encoder.destroyed) return
      this.#filling ??= this.#take(bytes.byteLength - at)
      const part = bytes.subarray(at, at + this.#filling.byteLength - this.#filled)
      this.#filling.set(part, this.#filled)
      this.#filled += part.byteLength
      at += part.byteLength
      if (this.#filled === this.#filling.byteLength) this.#size = Math.min(this.#size * 2, most)
      else if (this.#given > 0) continue
      this.#give()
    }
  }

  /** Has the encoder give what has come so far. */
  flush(kind: number): void {
    this.#give()
    this.#encoder.flush(kind)
  }

  /** The same, once it has nothing else to do: until then it gives by itself. */
  flushAtRest(kind: number): void {
    this.#flush = kind
    if (this.#given === 0) this.#rest()
  }

  end(): void {
    this.#give()
    this.#encoder.end()
  }

  /** The encoder has done what it was given. */
  #rest(): void {
    if (this.#filling !== undefined) this.#give()
    else if (this.#flush !== undefined) {
      const kind = this.#flush
      this.#flush = undefined
      this.#encoder.flush(kind)
    }
  }

  #give(): void {
    const buffer = this.#filling
    if (buffer === undefined) return
    const bytes = buffer.subarray(0, this.#filled)
    this.#filling = undefined
    this.#filled = 0
    this.#given++
    this.#encoder.write(bytes, () => {
      this.#given--
      this.#free.push(buffer)
      if (this.#given === 0) this.#rest()
      this.#wake?.()
    })
  }

  /** @param wanted bytes that are there already */
  #take(wanted: number): Buffer {
    while (this.#size < wanted && this.#size < most) this.#size *= 2
    const known = this.#free.pop()
    return known?.byteLength === this.#size ? known : Buffer.allocUnsafeSlow(this.#size)
  }
}
