import { LRUCache } from 'lru-cache'
import { checkWeight, type Evicted, type Inspected, type Residents, type Value } from './residents.ts'

/** The least recently used leaves first: the lru-cache package. */
export class Lru<V extends Value> implements Residents<V> {
  readonly policy = 'lru'
  readonly #values: LRUCache<string, V>
  readonly #maxWeight: number
  readonly #evicted: Evicted<V> | undefined

  constructor([maxEntries, maxWeight]: readonly [number, number], evicted?: Evicted<V>) {
    this.#maxWeight = maxWeight
    this.#evicted = evicted
    this.#values = new LRUCache({
      ...(maxEntries === Number.POSITIVE_INFINITY ? {} : { max: maxEntries }),
      // Also where nothing bounds the weight, as it is only added up where something does.
      maxSize: Math.min(maxWeight, Number.MAX_SAFE_INTEGER),
      ...(evicted === undefined
        ? {}
        : {
            disposeAfter: (value, key, reason) => {
              if (reason === 'evict') evicted(key, value, 'evicted')
              else if (reason === 'set') evicted(key, value, 'replaced')
            },
          }),
    })
  }

  get count(): number {
    return this.#values.size
  }

  get weight(): number {
    return this.#values.calculatedSize
  }

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  peek(key: string): V | undefined {
    return this.#values.peek(key)
  }

  set(key: string, value: V, weight: number): boolean {
    checkWeight(weight)
    this.#values.set(key, value, { size: weight })
    if (weight <= this.#maxWeight) return true
    this.#evicted?.(key, value, 'refused')
    return false
  }

  delete(key: string): boolean {
    return this.#values.delete(key)
  }

  clear(): void {
    this.#values.clear()
  }

  shrink(weight: number): void {
    while (this.#values.calculatedSize > weight && this.#values.pop() !== undefined);
  }

  // lru-cache walks its links, and would not come to an end if the walker used what it is given.
  *entries(): IterableIterator<[string, V]> {
    for (const key of [...this.#values.keys()]) {
      const value = this.#values.peek(key)
      if (value !== undefined) yield [key, value]
    }
  }

  keys(): IterableIterator<string> {
    return this.#values.rkeys()
  }

  inspect(): Inspected {
    const { policy, count, weight } = this
    return { policy, count, weight, metadataBytes: 0 }
  }
}
