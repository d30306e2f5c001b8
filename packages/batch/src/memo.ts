import { Item } from './item.ts'

/** Values that are remembered, and items that are on their way: those that were asked for anew last. */
export class Memo<K, V> {
  readonly #most: number
  readonly #byId = new Map<unknown, Item<K, V>>()

  constructor(most: number) {
    this.#most = most
  }

  find(id: unknown): Item<K, V> | undefined {
    const known = this.#byId.get(id)
    if (known === undefined || known.isGood) return known
    this.#byId.delete(id)
    return undefined
  }

  add(item: Item<K, V>): void {
    if (this.#byId.size >= this.#most) this.#byId.delete(this.#byId.keys().next().value)
    item.isRemembered = true
    this.#byId.set(item.id, item)
  }

  /** What is there already stays. */
  prime(key: K, id: unknown, value: V): void {
    if (this.find(id) !== undefined) return
    const item = new Item<K, V>(key, 0, { at: 0 }, 0, undefined, nobody, nobody)
    item.id = id
    this.add(item)
    item.resolve(value)
  }

  clear(id: unknown): void {
    this.#byId.delete(id)
  }

  clearAll(): void {
    this.#byId.clear()
  }
}

const nobody = (): void => undefined
