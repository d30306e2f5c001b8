/** Why a request went on to the handler (RFC 9211 section 2.2). */
export type Forwarded =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial'

/** What one cache did with one request (RFC 9211 section 2). */
export interface CacheStatus {
  /** The name of the cache. */
  readonly cache: string
  /** Answered without the handler. Then nothing is said of forwarding. */
  readonly hit?: boolean | undefined
  readonly fwd?: Forwarded | undefined
  /** What the handler answered with, where the client gets something else. */
  readonly fwdStatus?: number | undefined
  /** Seconds for which the answer is still fresh; negative when it is stale. */
  readonly ttl?: number | undefined
  /** The handler's answer was stored. */
  readonly stored?: boolean | undefined
  /** The request shared another one's run of the handler. */
  readonly collapsed?: boolean | undefined
  readonly key?: string | undefined
  readonly detail?: string | undefined
}

const sfToken = /^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*$/
const plain = /^[ !#-[\]-~]*$/
/** The largest integer of a structured field (RFC 9651 section 3.3.1). */
const largest = 999_999_999_999_999

/**
 * A string of a structured field (RFC 9651 section 3.3.3). It holds ASCII alone: what is not goes in as percent-encoded
 * UTF-8, as in a URL.
 */
const quoted = (text: string): string => {
  if (plain.test(text)) return `"${text}"`
  const ascii = text.replace(/[^ -~]/gu, (char) => encodeURIComponent(char.toWellFormed()))
  return `"${ascii.replace(/["\\]/g, '\\$&')}"`
}

const tokenOrQuoted = (text: string): string => (sfToken.test(text) ? text : quoted(text))

const integer = (value: number): number => Math.min(Math.max(Math.floor(value), -largest), largest)

/** Writes one member of a `Cache-Status` field (RFC 9211): a field of its own, or one more line of it. */
export const formatCacheStatus = (status: CacheStatus): string => {
  let member = tokenOrQuoted(status.cache)
  if (status.hit) {
    member += '; hit'
  } else {
    if (status.fwd !== undefined) member += `; fwd=${status.fwd}`
    if (status.fwdStatus !== undefined) member += `; fwd-status=${integer(status.fwdStatus)}`
  }
  if (status.ttl !== undefined) member += `; ttl=${integer(status.ttl)}`
  if (!status.hit && status.stored) member += '; stored'
  if (!status.hit && status.collapsed) member += '; collapsed'
  if (status.key !== undefined) member += `; key=${quoted(status.key)}`
  if (status.detail !== undefined) member += `; detail=${tokenOrQuoted(status.detail)}`
  return member
}
