import type { Dictionary } from './dictionary.ts'

/** What looks through it takes eight times its size, for each reply that is on its way. */
const largest = 2 * 1024 * 1024
/** Also of what they were made of. */
const most = 1000

/** Dictionaries that clients may have. Holds so many bytes of them at most. */
export class Dictionaries {
  readonly #limit: number
  /** By name; the one that was used last is last. */
  readonly #known = new Map<string, Dictionary>()
  /** Their names by what they were made of: a path and a validator. */
  readonly #sources = new Map<string, string>()
  readonly #expected = new Set<string>()
  #bytes = 0

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The most bytes that one may have. */
  get largest(): number {
    return Math.min(largest, this.#limit)
  }

  get(name: string): Dictionary | undefined {
    const dictionary = this.#known.get(name)
    if (dictionary === undefined) return undefined
    this.#known.delete(name)
    this.#known.set(name, dictionary)
    return dictionary
  }

  /** Whether the answer that is known by this is one. */
  has(source: string): boolean {
    const name = this.#sources.get(source)
    return name !== undefined && this.#known.has(name)
  }

  /**
   * That somebody learns it.
   *
   * @returns false when somebody does already: all would hold its bytes meanwhile
   */
  expect(source: string): boolean {
    if (this.#expected.has(source)) return false
    this.#expected.add(source)
    return true
  }

  /**
   * What became of one that is expected.
   *
   * @param dictionary undefined when it is none after all
   */
  settle(source: string, dictionary: Dictionary | undefined): void {
    this.#expected.delete(source)
    if (dictionary === undefined || dictionary.bytes.byteLength > this.largest) return
    const { name, bytes } = dictionary
    this.#sources.set(source, name)
    if (this.#known.has(name)) return
    this.#known.set(name, dictionary)
    this.#bytes += bytes.byteLength
    for (const [oldest, { bytes }] of this.#known) {
      if (this.#bytes <= this.#limit && this.#known.size <= most) break
      this.#known.delete(oldest)
      this.#bytes -= bytes.byteLength
    }
    for (const oldest of this.#sources.keys()) {
      if (this.#sources.size <= most) break
      this.#sources.delete(oldest)
    }
  }

  inspect(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#known.size, bytes: this.#bytes }
  }
}
