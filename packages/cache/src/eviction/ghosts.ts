import type { Resident } from './resident.ts'

/** No ghost. */
export const none = -1

/**
 * What left not long ago, by hash: the oldest is forgotten first, when their costs or their number are beyond a limit.
 *
 * A ring in typed arrays, found through a table of places with open addressing, so that a ghost takes some 50 bytes and
 * no objects. Two keys with one hash (1 of 4 billion pairs) are taken for each other, which costs a wrong guess at most.
 */
export class Ghosts<V> {
  /** The sum of the costs of those who are remembered. */
  cost = 0
  count = 0
  /** The sum of the costs of all who ever came. */
  #passed = 0
  readonly #limit: number
  /** Counts of places from the oldest on; the place in the ring is the rest by its length. */
  #from = 0
  #to = 0
  #hashes = new Int32Array(smallest)
  #costs = new Float64Array(smallest)
  #since = new Float64Array(smallest)
  #rivals: (Resident<V> | undefined)[] = new Array(smallest).fill(undefined)
  #times = new Float64Array(smallest)
  /** Place + 1, or 0. Twice as long as the ring. */
  #table = new Int32Array(2 * smallest)

  constructor(limit: number) {
    this.#limit = limit
  }

  get metadataBytes(): number {
    return this.#hashes.length * (4 + 8 + 8 + 8 + 8 + 2 * 4)
  }

  /** The place of a ghost, which holds until one is added; `none` if it is not remembered. */
  find(hash: number): number {
    const slot = this.#slotOf(hash)
    return (this.#table[slot] ?? 0) - 1
  }

  /** How much came after it, by cost. */
  depth(place: number): number {
    return this.#passed - (this.#since[place] ?? 0)
  }

  /** Who was preferred to it. */
  rival(place: number): Resident<V> | undefined {
    return this.#rivals[place]
  }

  time(place: number): number {
    return this.#times[place] ?? 0
  }

  add(hash: number, cost: number, atMost: number, rival?: Resident<V>, time = 0): void {
    this.forget(hash)
    if (cost > this.#limit) return
    while (this.count > 0 && (this.cost + cost > this.#limit || this.count >= atMost)) this.forgetOldest()
    if (this.#to - this.#from === this.#hashes.length) this.#resize()
    const place = this.#to++ & (this.#hashes.length - 1)
    this.#hashes[place] = hash
    this.#costs[place] = cost
    this.#since[place] = this.#passed
    this.#rivals[place] = rival
    this.#times[place] = time
    this.#table[this.#slotOf(hash)] = place + 1
    this.#passed += cost
    this.cost += cost
    this.count++
  }

  /** True if it was remembered. */
  forget(hash: number): boolean {
    const slot = this.#slotOf(hash)
    const place = (this.#table[slot] ?? 0) - 1
    if (place === none) return false
    this.cost -= this.#costs[place] ?? 0
    this.count--
    this.#costs[place] = gone
    this.#rivals[place] = undefined
    this.#close(slot)
    return true
  }

  forgetOldest(): void {
    const mask = this.#hashes.length - 1
    while (this.#from < this.#to) {
      const place = this.#from++ & mask
      if (this.#costs[place] === gone) continue
      this.forget(this.#hashes[place] ?? 0)
      return
    }
  }

  /** Where a hash is in the table, or would be. */
  #slotOf(hash: number): number {
    const table = this.#table
    const mask = table.length - 1
    let slot = hash & mask
    for (;;) {
      const place = (table[slot] ?? 0) - 1
      if (place === none || this.#hashes[place] === hash) return slot
      slot = (slot + 1) & mask
    }
  }

  /** Empties a slot of the table and moves those up who were pushed past it, so that no search ends too early. */
  #close(emptied: number): void {
    const table = this.#table
    const mask = table.length - 1
    let hole = emptied
    let slot = (hole + 1) & mask
    for (;;) {
      const place = (table[slot] ?? 0) - 1
      if (place === none) break
      const home = (this.#hashes[place] ?? 0) & mask
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        table[hole] = place + 1
        hole = slot
      }
      slot = (slot + 1) & mask
    }
    table[hole] = 0
  }

  /** A new ring without the places of the forgotten: as long as before if they were many, else twice as long. */
  #resize(): void {
    const length = this.#hashes.length
    const wanted = this.count > length / 2 ? 2 * length : length
    const old = {
      hashes: this.#hashes,
      costs: this.#costs,
      since: this.#since,
      rivals: this.#rivals,
      times: this.#times,
    }
    const [from, to] = [this.#from, this.#to]
    this.#hashes = new Int32Array(wanted)
    this.#costs = new Float64Array(wanted)
    this.#since = new Float64Array(wanted)
    this.#rivals = new Array(wanted).fill(undefined)
    this.#times = new Float64Array(wanted)
    this.#table = new Int32Array(2 * wanted)
    this.#from = 0
    this.#to = 0
    for (let at = from; at < to; at++) {
      const place = at & (length - 1)
      const cost = old.costs[place] ?? gone
      if (cost === gone) continue
      const next = this.#to++
      const hash = old.hashes[place] ?? 0
      this.#hashes[next] = hash
      this.#costs[next] = cost
      this.#since[next] = old.since[place] ?? 0
      this.#rivals[next] = old.rivals[place]
      this.#times[next] = old.times[place] ?? 0
      this.#table[this.#slotOf(hash)] = next + 1
    }
  }
}

const smallest = 64
/** The cost that marks a place as forgotten. */
const gone = -1
