/** A value that is brought when it is first asked for. */
export interface Lazy<V> {
  /** The value itself where the loader is synchronous, a promise where it is not. A load that failed is tried again. */
  (): V
  /** The next call loads anew. */
  reset(): void
}

/** Loads once, on first use. */
export const lazy = <V>(loader: () => V): Lazy<V> => {
  let known: { readonly value: V } | undefined
  const get = (): V => {
    if (known !== undefined) return known.value
    const value = loader()
    const mine = { value }
    known = mine
    if (value instanceof Promise) {
      // Only the load that has failed is forgotten, and not one that a reset has begun since.
      value.catch(() => {
        if (known === mine) known = undefined
      })
    }
    return value
  }
  const reset = (): void => {
    known = undefined
  }
  return Object.assign(get, { reset })
}
