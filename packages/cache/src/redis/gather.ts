/**
 * Joins what is asked for in one turn of the event loop: many small calls cost the client and the server far more than
 * one large call.
 */
export class Gather<I, O> {
  readonly #run: (items: readonly I[]) => Promise<readonly O[]>
  readonly #most: number
  #items: I[] = []
  #waiting: Waiting<O>[] = []

  /**
   * @param most items in one call
   * @param run one answer for each item, in order
   */
  constructor(most: number, run: (items: readonly I[]) => Promise<readonly O[]>) {
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
      this.#waiting.push({ from, to: from + items.length, resolve, reject })
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
      },
      (error: unknown) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }
}

interface Waiting<O> {
  readonly from: number
  readonly to: number
  resolve(answers: readonly O[]): void
  reject(error: unknown): void
}
