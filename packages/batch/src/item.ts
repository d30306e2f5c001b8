/** Where an item is: in a queue, or in a batch. */
export interface Owner<K, V> {
  /** Nobody waits for it any more. */
  abandoned(item: Item<K, V>, why: unknown): void
}

/** When loads came, by `clock.elapsed()`: an object, because numbers that are not whole would be kept once for each. */
export interface Moment {
  readonly at: number
}

/** One load. Another one of the same key goes with it, and is told what it is told. */
export class Item<K, V> {
  readonly key: K
  /** What keys are the same by. */
  id: unknown
  /** The highest of those who wait. */
  priority: number
  readonly came: Moment
  /** How long it waits, in milliseconds. */
  readonly #patience: number
  owner: Owner<K, V> | undefined
  isWaiting = true
  /** Whether its value is kept for those who come later. */
  isRemembered = false
  readonly #resolve: (value: V) => void
  readonly #reject: (error: unknown) => void
  readonly #signal: AbortSignal | undefined
  /** The one that it goes with. */
  #first: Item<K, V> | undefined
  #others: Item<K, V>[] | undefined
  /** How many wait, itself among them. */
  #waiting = 1
  #value: { readonly value: V } | undefined

  constructor(
    key: K,
    priority: number,
    came: Moment,
    patience: number,
    signal: AbortSignal | undefined,
    resolve: (value: V) => void,
    reject: (error: unknown) => void,
  ) {
    this.key = key
    this.id = key
    this.priority = priority
    this.came = came
    this.#patience = patience
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    signal?.addEventListener('abort', this)
  }

  /** When it came, and when it gives up, by `clock.elapsed()`. */
  get since(): number {
    return this.came.at
  }

  get until(): number {
    return this.came.at + this.#patience
  }

  /** Whether it has a value that is kept, or may still get one. */
  get isGood(): boolean {
    return this.owner !== undefined || this.#value !== undefined
  }

  /** Its signal has aborted. */
  handleEvent(): void {
    this.leave(this.#signal?.reason)
  }

  /** Takes another of the same key with it. */
  take(other: Item<K, V>): void {
    if (this.#value !== undefined) {
      other.resolve(this.#value.value)
      return
    }
    other.#join(this)
    this.#waiting++
    if (this.#others === undefined) this.#others = [other]
    else {
      // Who has left is let go of when they are as many as those who wait.
      if (this.#others.length > 64 && this.#others.length > 2 * this.#waiting)
        this.#others = this.#others.filter(({ isWaiting }) => isWaiting)
      this.#others.push(other)
    }
  }

  resolve(value: V): void {
    this.owner = undefined
    if (this.isRemembered) this.#value = { value }
    if (this.#end()) this.#resolve(value)
    if (this.#others === undefined) return
    for (const other of this.#others) other.resolve(value)
    this.#others = undefined
  }

  reject(error: unknown): void {
    this.owner = undefined
    if (this.#end()) this.#reject(error)
    if (this.#others === undefined) return
    for (const other of this.#others) other.reject(error)
    this.#others = undefined
  }

  /** It waits no longer, whatever becomes of the others. */
  leave(why: unknown): void {
    if (!this.#end()) return
    this.#reject(why)
    const first = this.#first ?? this
    if (--first.#waiting > 0) return
    const { owner } = first
    first.owner = undefined
    owner?.abandoned(first, why)
  }

  /**
   * Who has waited long enough leaves.
   *
   * @param now by `clock.elapsed()`
   * @returns until when the next one waits; Infinity where there is none
   */
  expire(now: number, late: () => Error): number {
    let next = Number.POSITIVE_INFINITY
    if (this.isWaiting) {
      if (this.until <= now) this.leave(late())
      else next = this.until
    }
    if (this.#others === undefined) return next
    for (const other of this.#others) next = Math.min(next, other.expire(now, late))
    return next
  }

  #join(first: Item<K, V>): void {
    this.#first = first
  }

  #end(): boolean {
    if (!this.isWaiting) return false
    this.isWaiting = false
    this.#signal?.removeEventListener('abort', this)
    return true
  }
}
