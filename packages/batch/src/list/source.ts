/** Where items come from. A function is asked for those from a position on. */
export type Source<I> = Iterable<I> | AsyncIterable<I> | ((cursor: number) => Iterable<I> | AsyncIterable<I>)

/** Some items that come one after the other. */
export interface Taken<I> {
  /** Where the first of them stands. */
  readonly start: number
  readonly items: readonly I[]
}

/** Items in the order in which they come, for several who take some of them in turns. */
export class Pull<I> {
  /** How many there are, where that is known. */
  readonly total: number | undefined
  /** What it broke off with. */
  failure: { readonly error: unknown } | undefined
  readonly #ready: Iterator<I> | undefined
  readonly #later: AsyncIterator<I> | undefined
  /** What stands before it is passed over. */
  readonly #cursor: number
  #position: number
  #isOver = false
  #turn: Promise<unknown> = Promise.resolve()
  #leave: (() => void) | undefined

  constructor(source: Source<I>, cursor: number) {
    const items = typeof source === 'function' ? source(cursor) : source
    this.#cursor = cursor
    this.#position = typeof source === 'function' ? cursor : 0
    this.total = Array.isArray(items) ? this.#position + items.length : undefined
    if (Symbol.asyncIterator in items) this.#later = items[Symbol.asyncIterator]()
    else this.#ready = items[Symbol.iterator]()
  }

  /** @returns up to so many, none when there are no more; a promise where they are waited for */
  take(count: number): Taken<I> | Promise<Taken<I>> {
    if (this.#ready !== undefined) return this.#takeReady(this.#ready, count)
    const taken = this.#turn.then(() => this.#takeLater(count))
    this.#turn = taken
    return taken
  }

  /** There are no more, whatever it still has. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#leave?.()
    try {
      this.#ready?.return?.()
      // One that waits for its next item hears of it only then.
      this.#later?.return?.().catch(() => undefined)
    } catch {
      // Nobody asks it for more.
    }
  }

  #takeReady(from: Iterator<I>, count: number): Taken<I> {
    const items: I[] = []
    try {
      while (items.length < count && !this.#isOver) this.#add(items, from.next())
    } catch (error) {
      this.#fail(error)
    }
    return { start: this.#position - items.length, items }
  }

  async #takeLater(count: number): Promise<Taken<I>> {
    const items: I[] = []
    try {
      while (items.length < count && !this.#isOver) {
        const step = await this.#next()
        if (step !== undefined) this.#add(items, step)
      }
    } catch (error) {
      this.#fail(error)
    }
    return { start: this.#position - items.length, items }
  }

  #add(items: I[], step: IteratorResult<I>): void {
    if (step.done) this.#isOver = true
    else if (this.#position++ >= this.#cursor) items.push(step.value)
  }

  /** Undefined when it was ended meanwhile. */
  #next(): Promise<IteratorResult<I> | undefined> {
    return new Promise((resolve, reject) => {
      const leave = (): void => resolve(undefined)
      this.#leave = leave
      this.#later?.next().then(resolve, reject)
    })
  }

  #fail(error: unknown): void {
    this.failure = { error }
    this.#isOver = true
  }
}
