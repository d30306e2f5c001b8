import type { Order } from './order.ts'
import { Queue, type Resident } from './resident.ts'

/** Those who were used equally often. */
class Rank<V> extends Queue<V> {
  uses = 0
  lower: Rank<V> | undefined = undefined
  higher: Rank<V> | undefined = undefined
}

const rankOf = <V>({ queue }: Resident<V>): Rank<V> | undefined => (queue instanceof Rank ? queue : undefined)

/** The least often used leaves first; among equals, the one that has been one of them for longest. */
export class Lfu<V> implements Order<V> {
  #lowest: Rank<V> | undefined = undefined
  /** One that has become empty, so that moving up does not make a new one each time. */
  #spare: Rank<V> | undefined = undefined
  #ranks = 0

  get metadataBytes(): number {
    return this.#ranks * 96
  }

  meet(): void {}

  enter(newcomer: Resident<V>): void {
    const lowest = this.#lowest?.uses === 1 ? this.#lowest : this.#insert(1, undefined)
    lowest.push(newcomer)
  }

  next(): Resident<V> | undefined {
    const first = this.#lowest?.first
    if (first !== undefined) this.remove(first)
    return first
  }

  use(resident: Resident<V>): void {
    const rank = rankOf(resident)
    if (rank === undefined) return
    const uses = rank.uses + 1
    const isAbove = rank.higher?.uses === uses
    if (!isAbove && rank.first === rank.last) {
      // Alone between two ranks, so its rank moves with it.
      rank.uses = uses
      return
    }
    const above = isAbove && rank.higher ? rank.higher : this.#insert(uses, rank)
    this.remove(resident)
    above.push(resident)
  }

  renew(resident: Resident<V>): void {
    this.use(resident)
  }

  remove(resident: Resident<V>): void {
    const rank = rankOf(resident)
    if (rank === undefined) return
    rank.remove(resident)
    if (rank.first !== undefined) return
    if (rank.lower === undefined) this.#lowest = rank.higher
    else rank.lower.higher = rank.higher
    if (rank.higher !== undefined) rank.higher.lower = rank.lower
    this.#spare = rank
    this.#ranks--
  }

  /** A new rank above the one that is given, or below all. */
  #insert(uses: number, lower: Rank<V> | undefined): Rank<V> {
    const rank = this.#spare ?? new Rank<V>()
    this.#spare = undefined
    this.#ranks++
    rank.uses = uses
    rank.lower = lower
    rank.higher = lower === undefined ? this.#lowest : lower.higher
    if (lower === undefined) this.#lowest = rank
    else lower.higher = rank
    if (rank.higher !== undefined) rank.higher.lower = rank
    return rank
  }
}
