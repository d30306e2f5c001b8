import { Ghosts } from './ghosts.ts'
import type { Order } from './order.ts'
import { Queue, type Resident } from './resident.ts'

/** The shares of the capacity, and how many uses lead from the small queue to the main one: those of the paper. */
const smallShare = 0.1
const ghostShare = 0.9
const usesForMain = 2
/** Uses beyond this many do not keep a resident longer. */
const mostUses = 3

/**
 * S3-FIFO (Yang et al. 2023): newcomers pass through a small queue, and who is used there, or comes back soon after,
 * gets into the main one. As libCacheSim does it (S3FIFOv0), but what is too big for the small queue goes to the main
 * one, where libCacheSim refuses it.
 */
export class S3Fifo<V> implements Order<V> {
  readonly #small = new Queue<V>()
  readonly #main = new Queue<V>()
  readonly #ghosts: Ghosts<V>
  readonly #smallCapacity: number
  readonly #mainCapacity: number
  #count = 0
  #wasGhost = false

  constructor(capacity: number) {
    this.#smallCapacity = Math.max(1, Math.trunc(capacity * smallShare))
    this.#mainCapacity = capacity - this.#smallCapacity
    this.#ghosts = new Ghosts(Math.trunc(capacity * ghostShare))
  }

  get metadataBytes(): number {
    return this.#ghosts.metadataBytes
  }

  meet({ hash }: Resident<V>): void {
    this.#wasGhost = this.#ghosts.forget(hash)
  }

  enter(newcomer: Resident<V>): void {
    const isForMain = this.#wasGhost || newcomer.cost > this.#smallCapacity
    this.#wasGhost = false
    newcomer.uses = 0
    ;(isForMain ? this.#main : this.#small).push(newcomer)
    this.#count++
  }

  next(): Resident<V> | undefined {
    const isMainFull = this.#main.cost > this.#mainCapacity || this.#small.first === undefined
    const leaving = isMainFull ? this.#nextOfMain() : (this.#nextOfSmall() ?? this.#nextOfMain())
    if (leaving !== undefined) this.#count--
    return leaving
  }

  use(resident: Resident<V>): void {
    if (resident.uses < mostUses) resident.uses++
  }

  renew(resident: Resident<V>): void {
    this.use(resident)
  }

  remove(resident: Resident<V>): void {
    resident.queue?.remove(resident)
    this.#count--
  }

  inspect(): Readonly<Record<string, unknown>> {
    return { ghosts: this.#ghosts.count }
  }

  #nextOfSmall(): Resident<V> | undefined {
    for (;;) {
      const oldest = this.#small.shift()
      if (oldest === undefined) return undefined
      if (oldest.uses < usesForMain) {
        this.#ghosts.add(oldest.hash, oldest.cost, 2 * this.#count + 64)
        return oldest
      }
      oldest.uses = 0
      this.#main.push(oldest)
    }
  }

  #nextOfMain(): Resident<V> | undefined {
    for (;;) {
      const oldest = this.#main.shift()
      if (oldest === undefined || oldest.uses === 0) return oldest
      oldest.uses--
      this.#main.push(oldest)
    }
  }
}
