import { mix } from './hash.ts'

/** The most that is counted. */
export const mostUses = 15

/** How many counters of four bits there are for each resident. */
const countersEach = 32
const countersPerWord = 8
const smallest = 512

/**
 * How often those who left had been used: a count-min sketch of four rows in one table of four-bit counters, updated
 * conservatively. It says too much when keys collide, and never too little.
 *
 * Ageing halves all counters. It is done word by word, when a word is next touched, so that no request pays for all.
 */
export class Sketch {
  #words = new Uint32Array(smallest / countersPerWord)
  /** The age, modulo 256, up to which a word has been halved. */
  #ages = new Uint8Array(smallest / countersPerWord)
  #age = 0
  /** Counters that were zero at the last ageing and are not any more. */
  #filled = 0
  #sweep = 0

  get metadataBytes(): number {
    return this.#words.byteLength + this.#ages.byteLength
  }

  /** As good as no estimate: too many counters are in use by several keys. */
  get isFull(): boolean {
    return this.#filled * 2 > this.#words.length * countersPerWord
  }

  estimate(hash: number): number {
    const step = mix(hash) | 1
    let least = mostUses
    for (let row = 0; row < 4; row++) {
      const at = this.#index(hash, step, row)
      const count = (this.#word(at >>> 3) >>> ((at & 7) << 2)) & 15
      if (count < least) least = count
    }
    return least
  }

  /** Counts at least this much for the key. */
  raise(hash: number, uses: number): void {
    const step = mix(hash) | 1
    for (let row = 0; row < 4; row++) {
      const at = this.#index(hash, step, row)
      const shift = (at & 7) << 2
      const word = this.#word(at >>> 3)
      const count = (word >>> shift) & 15
      if (count >= uses) continue
      if (count === 0) this.#filled++
      this.#words[at >>> 3] = (word & ~(15 << shift)) | (uses << shift)
    }
    // A word that nobody touches must not miss 256 ageings.
    this.#sweep = (this.#sweep + 1) & (this.#words.length - 1)
    this.#word(this.#sweep)
  }

  halve(): void {
    this.#age = (this.#age + 1) & 255
    this.#filled = 0
  }

  /** Makes the table long enough for that many residents. */
  fit(residents: number): void {
    if (residents * countersEach <= this.#words.length * countersPerWord) return
    const [words, ages] = [this.#words, this.#ages]
    this.#words = new Uint32Array(2 * words.length)
    this.#ages = new Uint8Array(2 * ages.length)
    // An index has one more bit now; what it counts is found with the bit or without.
    for (const from of [0, words.length]) {
      this.#words.set(words, from)
      this.#ages.set(ages, from)
    }
  }

  #index(hash: number, step: number, row: number): number {
    return (hash + Math.imul(row, step)) & (this.#words.length * countersPerWord - 1)
  }

  #word(at: number): number {
    const word = this.#words[at] ?? 0
    const behind = (this.#age - (this.#ages[at] ?? 0)) & 255
    if (behind === 0) return word
    this.#ages[at] = this.#age
    let halved = word
    for (let i = 0; i < behind && halved !== 0; i++) halved = (halved >>> 1) & 0x77777777
    this.#words[at] = halved
    return halved
  }
}
