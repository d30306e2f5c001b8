import { hash } from 'node:crypto'
import type { Coder } from './coder.ts'

/** Encoded bodies by what they were made of, for handlers that say the same again and again. Holds so many bytes at most. */
export class SameBodies {
  readonly #limit: number
  /** The one that was used last is last. */
  readonly #bodies = new Map<string, Uint8Array>()
  #bytes = 0

  /** @param limit bytes of encoded bodies */
  constructor(limit: number) {
    this.#limit = limit
  }

  keyOf(body: Uint8Array, { key, quality }: Coder): string {
    // Strong, as who could make two bodies meet could have one served for the other.
    return `${key} ${quality} ${hash('sha256', body, 'base64')}`
  }

  get(key: string): Uint8Array | undefined {
    const body = this.#bodies.get(key)
    if (body === undefined) return undefined
    this.#bodies.delete(key)
    this.#bodies.set(key, body)
    return body
  }

  set(key: string, body: Uint8Array): void {
    if (body.byteLength > this.#limit || this.#bodies.has(key)) return
    this.#bodies.set(key, body)
    this.#bytes += body.byteLength
    for (const [oldest, { byteLength }] of this.#bodies) {
      if (this.#bytes <= this.#limit) return
      this.#bodies.delete(oldest)
      this.#bytes -= byteLength
    }
  }

  inspect(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#bodies.size, bytes: this.#bytes }
  }
}
