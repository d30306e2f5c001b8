import type { Item, Owner } from './item.ts'

/** Those for whom there is no room yet, in the order in which they came. */
export class Line<K, V> implements Owner<K, V> {
  #items: Item<K, V>[] = []
  #waiting = 0
  /** Where the first of them stands. */
  #head = 0

  get count(): number {
    return this.#waiting
  }

  add(item: Item<K, V>): void {
    if (this.#items.length > 64 && this.#items.length > 2 * this.#waiting) {
      this.#items = this.#items.filter(({ owner }) => owner === this)
      this.#head = 0
    }
    item.owner = this
    this.#items.push(item)
    this.#waiting++
  }

  /** @returns undefined when nobody waits */
  next(): Item<K, V> | undefined {
    while (this.#waiting > 0) {
      const item = this.#items[this.#head++]
      if (item?.owner !== this) continue
      this.#waiting--
      item.owner = undefined
      return item
    }
    this.#items = []
    this.#head = 0
    return undefined
  }

  abandoned(): void {
    this.#waiting--
  }

  /** @see Item.expire */
  expire(now: number, late: () => Error): number {
    let next = Number.POSITIVE_INFINITY
    for (const item of this.#items) if (item.owner === this) next = Math.min(next, item.expire(now, late))
    return next
  }
}
