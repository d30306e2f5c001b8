import { Ghosts, none } from './ghosts.ts'
import type { Order } from './order.ts'
import { Queue, type Resident } from './resident.ts'

/**
 * ARC (Megiddo and Modha 2003): those seen once and those seen again in a queue each, and the share of the two follows
 * which of them is missed more. As libCacheSim does it, in units of cost.
 */
export class Arc<V> implements Order<V> {
  readonly #once = new Queue<V>()
  readonly #again = new Queue<V>()
  readonly #onceGhosts: Ghosts<V>
  readonly #againGhosts: Ghosts<V>
  readonly #capacity: number
  /** How much those seen once should have. */
  #target = 0
  #count = 0
  /** Where the newcomer was remembered. */
  #from: Ghosts<V> | undefined = undefined

  constructor(capacity: number) {
    this.#capacity = capacity
    // The rules below bound their costs only when all cost the same; besides, there are not many more than residents.
    this.#onceGhosts = new Ghosts(Number.POSITIVE_INFINITY)
    this.#againGhosts = new Ghosts(Number.POSITIVE_INFINITY)
  }

  get metadataBytes(): number {
    return this.#onceGhosts.metadataBytes + this.#againGhosts.metadataBytes
  }

  meet({ hash }: Resident<V>): void {
    this.#from = undefined
    const [once, again] = [this.#onceGhosts, this.#againGhosts]
    if (once.find(hash) !== none) {
      this.#target = Math.min(this.#target + Math.max(again.cost / once.cost, 1), this.#capacity)
      this.#from = once
    } else if (again.find(hash) !== none) {
      this.#target = Math.max(this.#target - Math.max(once.cost / again.cost, 1), 0)
      this.#from = again
    }
    this.#from?.forget(hash)
  }

  enter(newcomer: Resident<V>): void {
    ;(this.#from === undefined ? this.#once : this.#again).push(newcomer)
    this.#from = undefined
    this.#count++
  }

  next(newcomer?: Resident<V>): Resident<V> | undefined {
    const [once, again] = [this.#onceGhosts, this.#againGhosts]
    if (newcomer !== undefined && this.#from === undefined) {
      if (this.#once.cost + once.cost + newcomer.cost > this.#capacity) {
        if (once.count === 0 && this.#once.first !== undefined) return this.#take(this.#once)
        once.forgetOldest()
      } else if (this.#once.cost + this.#again.cost + once.cost + again.cost >= 2 * this.#capacity) {
        again.forgetOldest()
      }
    }
    const isOnceOver =
      this.#once.cost > this.#target || (this.#once.cost === this.#target && this.#from === again)
    const isOnce = this.#again.first === undefined || (this.#once.first !== undefined && isOnceOver)
    const leaving = this.#take(isOnce ? this.#once : this.#again)
    if (leaving !== undefined) {
      const ghosts = isOnce ? once : again
      ghosts.add(leaving.hash, leaving.cost, 2 * this.#count + 64)
    }
    return leaving
  }

  use(resident: Resident<V>): void {
    resident.queue?.remove(resident)
    this.#again.push(resident)
  }

  renew(resident: Resident<V>): void {
    this.use(resident)
  }

  remove(resident: Resident<V>): void {
    resident.queue?.remove(resident)
    this.#count--
  }

  inspect(): Readonly<Record<string, unknown>> {
    return {
      onceTarget: this.#target / this.#capacity,
      ghosts: this.#onceGhosts.count + this.#againGhosts.count,
    }
  }

  #take(queue: Queue<V>): Resident<V> | undefined {
    const leaving = queue.shift()
    if (leaving !== undefined) this.#count--
    return leaving
  }
}
