/** Longer texts are rare and all different; remembering them would only let a client fill the memory. */
const longest = 256

/**
 * The same function, which remembers what it made of the last values: for what is asked again and again with few
 * different values, such as header fields. It holds at most `limit` values and forgets all of them at once, so that
 * remembering costs one look-up.
 *
 * @param make pure; its results are shared by all callers, so they must not change
 */
export const memo = <K extends string | number, V>(make: (key: K) => V, limit = 256): ((key: K) => V) => {
  const made = new Map<K, V>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    if (typeof key === 'string' && key.length > longest) return value
    if (made.size >= limit) made.clear()
    made.set(key, value)
    return value
  }
}
