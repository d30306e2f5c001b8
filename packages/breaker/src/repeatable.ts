const methodOf = (value: object): string | undefined =>
  'method' in value && typeof value.method === 'string' ? value.method.toUpperCase() : undefined

/** Whether it can be read only once: a stream, an iterator, or a `Request` of which the body has been read. */
const isSpent = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if ('bodyUsed' in value && value.bodyUsed === true) return true
  if (Symbol.asyncIterator in value) return true
  return (
    ('pipe' in value && typeof value.pipe === 'function') ||
    ('next' in value && typeof value.next === 'function')
  )
}

/** By whatever means `value` holds header fields: `Headers`, pairs of name and value, or an object. */
const hasIdempotencyKey = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if ('has' in value && typeof value.has === 'function') return value.has('idempotency-key') === true
  const names = Array.isArray(value)
    ? value.map((each: unknown) => (Array.isArray(each) ? each[0] : each))
    : Object.keys(value)
  return names.some((name) => typeof name === 'string' && name.toLowerCase() === 'idempotency-key')
}

/**
 * Whether a function may be called again with the same arguments, as far as they tell: none of them can be read only once,
 * nor what stands in one as `body` or `data`; and where one names a method (`Request`, the options of `fetch`, a
 * configuration), it is one of those given, or the request says by `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header) that its server knows it again.
 *
 * @param methods upper-case
 */
export const isRepeatable = (args: readonly unknown[], methods: ReadonlySet<string>): boolean => {
  let method: string | undefined
  let isKeyed = false
  for (const arg of args) {
    if (typeof arg !== 'object' || arg === null) continue
    if (isSpent(arg)) return false
    if ('body' in arg && !('bodyUsed' in arg) && isSpent(arg.body)) return false
    if ('data' in arg && isSpent(arg.data)) return false
    // The options of `fetch` stand behind the request, and count.
    method = methodOf(arg) ?? method
    isKeyed ||= 'headers' in arg && hasIdempotencyKey(arg.headers)
  }
  return method === undefined || methods.has(method) || isKeyed
}
