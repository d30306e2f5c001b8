import type { Hash } from './hash.ts'
import type { Order } from './order.ts'
import { Resident } from './resident.ts'
import {
  checkWeight,
  type Evicted,
  type Inspected,
  type Leaving,
  type PolicyName,
  type Residents,
  type Value,
} from './residents.ts'

/** The map and the bounds around an order. */
export class Keep<V extends Value> implements Residents<V> {
  readonly policy: PolicyName
  weight = 0
  readonly #map = new Map<string, Resident<V>>()
  readonly #maxEntries: number
  readonly #maxWeight: number
  readonly #makeOrder: () => Order<V>
  #order: Order<V>
  readonly #hash: Hash
  readonly #evicted: Evicted<V> | undefined
  #left: { readonly key: string; readonly value: V; readonly why: Leaving }[] = []
  /** How many of them have been told. */
  #told = 0

  constructor(
    policy: PolicyName,
    [maxEntries, maxWeight]: readonly [number, number],
    makeOrder: () => Order<V>,
    hash: Hash,
    evicted?: Evicted<V>,
  ) {
    this.policy = policy
    this.#maxEntries = maxEntries
    this.#maxWeight = maxWeight
    this.#makeOrder = makeOrder
    this.#order = makeOrder()
    this.#hash = hash
    this.#evicted = evicted
  }

  get count(): number {
    return this.#map.size
  }

  get(key: string): V | undefined {
    const resident = this.#map.get(key)
    if (resident === undefined) return undefined
    this.#order.use(resident)
    return resident.value
  }

  peek(key: string): V | undefined {
    return this.#map.get(key)?.value
  }

  set(key: string, value: V, weight: number, expiresAt: number = Number.POSITIVE_INFINITY): boolean {
    checkWeight(weight)
    const there = this.#map.get(key)
    const isKept =
      there === undefined
        ? this.#add(key, value, weight, expiresAt)
        : this.#replace(there, value, weight, expiresAt)
    this.#tell()
    return isKept
  }

  delete(key: string): boolean {
    const resident = this.#map.get(key)
    if (resident === undefined) return false
    this.#order.remove(resident)
    this.#drop(resident)
    return true
  }

  clear(): void {
    this.#map.clear()
    this.weight = 0
    this.#order = this.#makeOrder()
  }

  shrink(weight: number): void {
    while (this.weight > weight) {
      const leaving = this.#order.next()
      if (leaving === undefined) break
      this.#drop(leaving, 'evicted')
    }
    this.#tell()
  }

  *entries(): IterableIterator<[string, V]> {
    for (const { key, value } of this.#map.values()) {
      if (value !== undefined) yield [key, value]
    }
  }

  keys(): IterableIterator<string> {
    return this.#map.keys()
  }

  inspect(): Inspected {
    const { policy, count, weight } = this
    return { policy, count, weight, metadataBytes: this.#order.metadataBytes, ...this.#order.inspect?.() }
  }

  #add(key: string, value: V, weight: number, expiresAt: number): boolean {
    if (weight > this.#maxWeight) {
      this.#leave(key, value, 'refused')
      return false
    }
    const newcomer = new Resident(key, value, weight, this.#costOf(weight), expiresAt, this.#hash(key))
    this.#order.meet(newcomer)
    while (this.#map.size >= this.#maxEntries || this.weight + weight > this.#maxWeight) {
      const leaving = this.#order.next(newcomer)
      if (leaving === undefined || leaving === newcomer) {
        this.#leave(key, value, 'refused')
        return false
      }
      this.#drop(leaving, 'evicted')
    }
    this.#order.enter(newcomer)
    this.#map.set(key, newcomer)
    this.weight += weight
    return true
  }

  #replace(there: Resident<V>, value: V, weight: number, expiresAt: number): boolean {
    if (weight > this.#maxWeight) {
      this.#order.remove(there)
      this.#drop(there, 'replaced')
      return this.#add(there.key, value, weight, expiresAt)
    }
    if (there.value !== undefined) this.#leave(there.key, there.value, 'replaced')
    const cost = this.#costOf(weight)
    if (there.queue !== undefined) there.queue.cost += cost - there.cost
    this.weight += weight - there.weight
    there.value = value
    there.weight = weight
    there.cost = cost
    there.expiresAt = expiresAt
    this.#order.renew(there)
    while (this.weight > this.#maxWeight) {
      const leaving = this.#order.next()
      if (leaving === undefined) break
      this.#drop(leaving, 'evicted')
    }
    return there.value !== undefined
  }

  /** Entries are counted where nothing bounds their weight. */
  #costOf(weight: number): number {
    return this.#maxWeight === Number.POSITIVE_INFINITY ? 1 : weight
  }

  /** One that its order has let go of. */
  #drop(resident: Resident<V>, why?: Leaving): void {
    const { key, value } = resident
    this.#map.delete(key)
    this.weight -= resident.weight
    resident.value = undefined
    if (why !== undefined && value !== undefined) this.#leave(key, value, why)
  }

  #leave(key: string, value: V, why: Leaving): void {
    if (this.#evicted !== undefined) this.#left.push({ key, value, why })
  }

  /** Tells who has left. What is told may set and delete, and then the same list is told further. */
  #tell(): void {
    if (this.#left.length === 0) return
    for (;;) {
      const next = this.#left[this.#told]
      if (next === undefined) break
      this.#told++
      this.#evicted?.(next.key, next.value, next.why)
    }
    this.#left = []
    this.#told = 0
  }
}
