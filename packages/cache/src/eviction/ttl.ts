import type { Order } from './order.ts'
import type { Resident } from './resident.ts'

/** Soonest to expire leaves first; among equals, the one that came first. A binary heap; `at` is the place in it. */
export class Ttl<V> implements Order<V> {
  readonly #heap: Resident<V>[] = []
  #arrivals = 0

  get metadataBytes(): number {
    return this.#heap.length * 8
  }

  meet(): void {}

  enter(newcomer: Resident<V>): void {
    newcomer.uses = this.#arrivals++
    this.#heap.push(newcomer)
    this.#rise(newcomer, this.#heap.length - 1)
  }

  next(): Resident<V> | undefined {
    const soonest = this.#heap[0]
    if (soonest !== undefined) this.remove(soonest)
    return soonest
  }

  use(): void {}

  renew(resident: Resident<V>): void {
    this.remove(resident)
    this.enter(resident)
  }

  remove(resident: Resident<V>): void {
    const last = this.#heap.pop()
    if (last === undefined || last === resident) return
    this.#rise(last, resident.at)
    this.#sink(last)
  }

  #rise(resident: Resident<V>, from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.#heap[parent]
      if (above === undefined || !isSooner(resident, above)) break
      this.#put(above, at)
      at = parent
    }
    this.#put(resident, at)
  }

  #sink(resident: Resident<V>): void {
    let at = resident.at
    for (;;) {
      const left = this.#heap[2 * at + 1]
      const right = this.#heap[2 * at + 2]
      const child = left !== undefined && right !== undefined && isSooner(right, left) ? right : left
      if (child === undefined || !isSooner(child, resident)) break
      const place = child.at
      this.#put(child, at)
      at = place
    }
    this.#put(resident, at)
  }

  #put(resident: Resident<V>, at: number): void {
    this.#heap[at] = resident
    resident.at = at
  }
}

const isSooner = <V>(one: Resident<V>, other: Resident<V>): boolean =>
  one.expiresAt === other.expiresAt ? one.uses < other.uses : one.expiresAt < other.expiresAt
