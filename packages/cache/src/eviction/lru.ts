import { LRUCache } from 'lru-cache'
import { checkWeight, type Evicted, type Inspected, type Residents } from './residents.ts'

/** A value may be anything, and lru-cache takes no null. */
interface Box<V> {
  readonly value: V
}

/** The least recently used leaves first: the lru-cache package. */
export class Lru<V> implements Residents<V> {
  readonly policy = 'lru'
  readonly #boxes: LRUCache<string, Box<V>>
  readonly #maxWeight: number
  readonly #evicted: Evicted<V> | undefined

  constructor([maxEntries, maxWeight]: readonly [number, number], evicted?: Evicted<V>) {
    this.#maxWeight = maxWeight
    this.#evicted = evicted
    this.#boxes = new LRUCache({
      ...(maxEntries === Number.POSITIVE_INFINITY ? {} : { max: maxEntries }),
      // Also where nothing bounds the weight, as it is only added up where something does.
      maxSize: Math.min(maxWeight, Number.MAX_SAFE_INTEGER),
      ...(evicted === undefined
        ? {}
        : {
            disposeAfter: ({ value }, key, reason) => {
              if (reason === 'evict') evicted(key, value, 'evicted')
              else if (reason === 'set') evicted(key, value, 'replaced')
            },
          }),
    })
  }

  get count(): number {
    return this.#boxes.size
  }

  get weight(): number {
    return this.#boxes.calculatedSize
  }

  get(key: string): V | undefined {
    return this.#boxes.get(key)?.value
  }

  peek(key: string): V | undefined {
    return this.#boxes.peek(key)?.value
  }

  set(key: string, value: V, weight: number): boolean {
    checkWeight(weight)
    this.#boxes.set(key, { value }, { size: weight })
    if (weight <= this.#maxWeight) return true
    this.#evicted?.(key, value, 'refused')
    return false
  }

  delete(key: string): boolean {
    return this.#boxes.delete(key)
  }

  clear(): void {
    this.#boxes.clear()
  }

  shrink(weight: number): void {
    while (this.#boxes.calculatedSize > weight && this.#boxes.pop() !== undefined);
  }

  // lru-cache walks its links, and would not come to an end if the walker used what it is given.
  *entries(): IterableIterator<[string, V]> {
    for (const key of [...this.#boxes.keys()]) {
      const box = this.#boxes.peek(key)
      if (box !== undefined) yield [key, box.value]
    }
  }

  keys(): IterableIterator<string> {
    return this.#boxes.rkeys()
  }

  inspect(): Inspected {
    const { policy, count, weight } = this
    return { policy, count, weight, metadataBytes: 0 }
  }
}
