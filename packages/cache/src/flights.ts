/** What the others get from the one who went: a value, its error, or the word to go by themselves or to try again. */
export type Landing<T> = { readonly value: T } | { readonly error: unknown } | 'alone' | 'again'

/** One run for many who want the same at the same time. */
export class Flights<T> {
  readonly #flying = new Map<string, Promise<Landing<T>>>()

  get size(): number {
    return this.#flying.size
  }

  /** What the one in flight for `key` will bring; undefined when nobody is. */
  join(key: string): Promise<Landing<T>> | undefined {
    return this.#flying.get(key)
  }

  /** Goes for `key`. The flight ends with the first call of the returned function, which must come. */
  start(key: string): (landing: Landing<T>) => void {
    const { promise, resolve } = Promise.withResolvers<Landing<T>>()
    this.#flying.set(key, promise)
    return (landing) => {
      if (this.#flying.get(key) === promise) this.#flying.delete(key)
      resolve(landing)
    }
  }
}
