/** So many connections to a database. Who needs one waits until one is free. */
export class Pool {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(connections: number) {
    this.#free = connections
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
