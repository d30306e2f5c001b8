import { Item } from '../item.ts'

/** What became of an item. */
export type Outcome<I, O> = PromiseSettledResult<O> & { readonly item: I; readonly index: number }

/** Who is told. */
export interface Told<I, O> {
  settled(outcome: Outcome<I, O>): void
}

/** Items that go into one run. */
export class Chunk<I, O> {
  readonly items: readonly Item<I, O>[]
  readonly #start: number
  /** How many from the first on have their outcome. */
  #settled = 0
  /** Those after it that have. */
  readonly #ahead = new Set<number>()

  /** @param now by `clock.elapsed()` */
  constructor(start: number, items: readonly I[], now: number, told: Told<I, O>) {
    this.#start = start
    const came = { at: now }
    this.items = items.map((item, i) => {
      const index = start + i
      return new Item<I, O>(
        item,
        0,
        came,
        Number.POSITIVE_INFINITY,
        undefined,
        (value) => this.#settle(told, i, { status: 'fulfilled', value, item, index }),
        (reason) => this.#settle(told, i, { status: 'rejected', reason, item, index }),
      )
    })
  }

  /** The position of the first item without an outcome. */
  get cursor(): number {
    return this.#start + this.#settled
  }

  #settle(told: Told<I, O>, at: number, outcome: Outcome<I, O>): void {
    if (at === this.#settled) {
      this.#settled++
      while (this.#ahead.delete(this.#settled)) this.#settled++
    } else this.#ahead.add(at)
    told.settled(outcome)
  }
}
