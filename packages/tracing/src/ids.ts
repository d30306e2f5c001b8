import { randomBytes } from 'node:crypto'

/** How many bytes are drawn at once: each draw, and each change to text, costs more than all else. */
const drawn = 3072

/** Identifiers by random bytes, as W3C Trace Context wants them: lower-case hexadecimal. */
export class Ids {
  #digits = ''
  #next = 0

  /** 16 bytes. */
  trace(): string {
    return this.#take(32)
  }

  /** 8 bytes. */
  span(): string {
    return this.#take(16)
  }

  /** From 0 to below 1. */
  share(): number {
    return Number.parseInt(this.#take(12), 16) / 2 ** 48
  }

  #take(digits: number): string {
    if (this.#next + digits > this.#digits.length) {
      this.#digits = randomBytes(drawn).toString('hex')
      this.#next = 0
    }
    const from = this.#next
    this.#next += digits
    return this.#digits.slice(from, this.#next)
  }
}
