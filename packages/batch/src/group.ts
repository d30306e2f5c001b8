import type { Timer } from '@millrace/core'
import type { Item, Owner } from './item.ts'

/** Who holds the groups. */
export interface Hall<K, V> {
  /** Nobody waits any more for an item that was queued. */
  vacated(group: Group<K, V>): void
}

/** What waits to go into one batch: items of one kind, in the order in which they go. */
export class Group<K, V> implements Owner<K, V> {
  readonly id: unknown
  /** How many wait. */
  count = 0
  /** Whether the window is over for all that wait. */
  isDue = false
  /** The window, while it is open. */
  window: Timer | undefined
  readonly #hall: Hall<K, V>
  readonly #byId = new Map<unknown, Item<K, V>>()
  #items: Item<K, V>[] = []
  #isSorted = true

  constructor(id: unknown, hall: Hall<K, V>) {
    this.id = id
    this.#hall = hall
  }

  /** The highest priority of what waits. */
  get priority(): number {
    return this.#items.reduce(
      (most, item) => (item.owner === this ? Math.max(most, item.priority) : most),
      Number.NEGATIVE_INFINITY,
    )
  }

  find(id: unknown): Item<K, V> | undefined {
    return this.#byId.get(id)
  }

  add(item: Item<K, V>): void {
    // What was abandoned is let go of when it is as much as what waits.
    if (this.#items.length > 64 && this.#items.length > 2 * this.count) this.#items = this.#own()
    const last = this.#items[this.#items.length - 1]
    if (last !== undefined && last.priority < item.priority) this.#isSorted = false
    item.owner = this
    this.#items.push(item)
    this.#byId.set(item.id, item)
    this.count++
  }

  /** One who waits already has become more urgent. */
  raise(item: Item<K, V>, priority: number): void {
    if (priority <= item.priority) return
    item.priority = priority
    this.#isSorted = false
  }

  /** The most urgent, and among those the first who came. */
  take(most: number): readonly Item<K, V>[] {
    const own = this.#items.length === this.count ? this.#items : this.#own()
    if (!this.#isSorted) own.sort((a, b) => b.priority - a.priority)
    this.#isSorted = true
    if (own.length <= most) {
      this.#items = []
      this.#byId.clear()
      this.count = 0
      return own
    }
    const taken = own.slice(0, most)
    this.#items = own.slice(most)
    for (const item of taken) this.#byId.delete(item.id)
    this.count -= most
    return taken
  }

  abandoned(item: Item<K, V>): void {
    this.#byId.delete(item.id)
    this.count--
    this.#hall.vacated(this)
  }

  /** @see Item.expire */
  expire(now: number, late: () => Error): number {
    let next = Number.POSITIVE_INFINITY
    for (const item of this.#items) next = Math.min(next, item.expire(now, late))
    return next
  }

  #own(): Item<K, V>[] {
    return this.#items.filter(({ owner }) => owner === this)
  }
}
