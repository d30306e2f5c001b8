export interface Queued {
  /** Higher ones go first. */
  readonly priority: number
}

/** After so many by priority one goes because it has waited longest. */
const turns = 8

const firstOf = <T>(items: ReadonlySet<T>): T | undefined => {
  for (const item of items) return item
  return undefined
}

/**
 * Who waits, in the order in which they go: the highest priority first, and of one priority who came first. Every eighth
 * is who waits longest whatever its priority, so that none is passed over for ever: `n` who wait are all gone after `8n`.
 */
export class Queue<T extends Queued> {
  /** All, in the order in which they came. */
  readonly #all = new Set<T>()
  readonly #lanes = new Map<number, Set<T>>()
  /** The priorities of the lanes, ascending. */
  #priorities: number[] = []
  #taken = 0

  get size(): number {
    return this.#all.size
  }

  add(item: T): void {
    let lane = this.#lanes.get(item.priority)
    if (lane === undefined) {
      lane = new Set()
      this.#lanes.set(item.priority, lane)
      this.#priorities.push(item.priority)
      this.#priorities.sort((one, other) => one - other)
    }
    lane.add(item)
    this.#all.add(item)
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    if (!this.#all.delete(item)) return false
    const lane = this.#lanes.get(item.priority)
    lane?.delete(item)
    if (lane?.size === 0) {
      this.#lanes.delete(item.priority)
      this.#priorities = this.#priorities.filter((each) => each !== item.priority)
    }
    return true
  }

  /** Removes who goes next. */
  take(): T | undefined {
    if (this.#all.size === 0) return undefined
    this.#taken = (this.#taken + 1) % turns
    const lane = this.#taken === 0 ? this.#all : this.#lanes.get(this.#priorities.at(-1) ?? 0)
    const item = lane && firstOf(lane)
    if (item !== undefined) this.delete(item)
    return item
  }
}
