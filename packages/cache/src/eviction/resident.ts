/** What is kept under one key, and its place in the order of its policy. The links are the policy's own. */
export class Resident<V> {
  // What a hit touches stands together, so that it is in one or two lines of the processor's cache.
  /** Undefined once it has left, so that nothing is held by those who remember that it was there. */
  value: V | undefined
  queue: Queue<V> | undefined
  previous: Resident<V> | undefined
  next: Resident<V> | undefined
  /** How often it was used, as far as the policy counts. */
  uses = 0
  /** When it was used last, or its place, by the policy's own reckoning. */
  at = 0
  /** The age in which `uses` was counted. */
  age = 0
  /** What it takes of the policy's capacity: its weight, or 1 where entries are counted. */
  cost: number
  /** Which of several orders it stands in. */
  order = 0
  readonly hash: number
  readonly key: string
  weight: number
  /** Milliseconds since 1970. */
  expiresAt: number

  constructor(key: string, value: V, weight: number, cost: number, expiresAt: number, hash: number) {
    this.key = key
    this.value = value
    this.weight = weight
    this.cost = cost
    this.expiresAt = expiresAt
    this.hash = hash
    this.queue = undefined
    this.previous = undefined
    this.next = undefined
  }
}

/** Residents in a row, linked through themselves. The first is the one that has waited longest. */
export class Queue<V> {
  first: Resident<V> | undefined = undefined
  last: Resident<V> | undefined = undefined
  /** The sum of the costs. */
  cost = 0

  push(resident: Resident<V>): void {
    resident.queue = this
    resident.previous = this.last
    resident.next = undefined
    if (this.last === undefined) this.first = resident
    else this.last.next = resident
    this.last = resident
    this.cost += resident.cost
  }

  remove(resident: Resident<V>): void {
    const { previous, next } = resident
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    resident.queue = undefined
    resident.previous = undefined
    resident.next = undefined
    this.cost -= resident.cost
  }

  shift(): Resident<V> | undefined {
    const { first } = this
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Moves one of its own to the end. */
  renew(resident: Resident<V>): void {
    if (this.last === resident) return
    this.remove(resident)
    this.push(resident)
  }
}
