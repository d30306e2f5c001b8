/**
 * Joins what is asked for in one turn of the event loop: many small calls cost the client and the server far more than
 * one large call.
 */
export class Gather<I, O> {
  readonly #run: (items: readonly I[]) => Promise<O[]>
  readonly #most: number
  #items: I[] = []
  #waiting: Waiting<O>[] = []

  /**
   * @param most items in one call
   * @param run one answer for each item, in order
   */
  constructor(most: number, run: (items: readonly I[]) => Promise<O[]>) {
    this.#most = most
    this.#run = run
  }

  add(items: readonly I[]): Promise<readonly O[]> {
    if (items.length === 0) return Promise.resolve([])
    if (this.#items.length > 0 && this.#items.length + items.length > this.#most) this.#flush()
    // After the I/O of this turn, so that the requests that arrived together travel together.
    if (this.#items.length === 0) setImmediate(this.#flush)
    const from = this.#items.length
    for (const item of items) this.#items.push(item)
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Waiting(from, from + items.length, resolve, reject))
    })
  }

  readonly #flush = (): void => {
    const items = this.#items
    const waiting = this.#waiting
    if (items.length === 0) return
    this.#items = []
    this.#waiting = []
    this.#run(items).then(
      (answers) => {
        for (const { from, to, resolve } of waiting) resolve(answers.slice(from, to))
        // Lists that are dead must not keep what was in them: see `Search`.
        answers.length = 0
        items.length = 0
        waiting.length = 0
      },
      (error: unknown) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }
}

class Waiting<O> {
  readonly from: number
  readonly to: number
  readonly resolve: (answers: readonly O[]) => void
  readonly reject: (error: unknown) => void

  constructor(
    from: number,
    to: number,
    resolve: (answers: readonly O[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.from = from
    this.to = to
    this.resolve = resolve
    this.reject = reject
  }
}
