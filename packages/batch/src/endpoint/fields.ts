import { fieldOf, type RequestHeaders } from '@millrace/core'

const token = /^[!#$%&'*+.^_`|~\da-z-]+$/

/** Field values as Node lets them through, of one line (RFC 9110 section 5.5). */
const value = /^[\t\x20-\x7e\x80-\xff]*$/

/** Who asks, by which way, and over which connection: of the caller's own request, never of what is in it. */
const callers =
  /^(?:authorization|cookie2?|proxy-.*|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|forwarded|via|(?:x-)?forwarded-.*|x-real-ip|x-original-.*|accept-encoding|origin|sec-.*)$/

/** What some software takes for the method or the path: of no request of a batch, as those are looked at by what they say. */
const overrides = /^x-(?:original-(?!for$|proto$|host$).*|rewrite-.*|http-method.*|method-override)$/

/** Whether a rule may let requests of a batch set the field. @param name in lower case */
export const isSettable = (name: string): boolean =>
  token.test(name) && !callers.test(name) && !overrides.test(name)

/** What a request of a batch may set: it is about nothing but that request. */
const own: readonly string[] = [
  'accept',
  'accept-language',
  'content-type',
  'content-language',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'prefer',
  'range',
]

/** About the batch as one message, not about each request in it. Pseudo-fields of HTTP/2 among them. */
const ofMessage =
  /^(?::.*|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|accept|accept-encoding|if-.*|range|prefer|idempotency-key|proxy-connection)$/

/** What every request of a batch says, because the batch does: who asks, from where, and in which language. */
export const inherited = (headers: RequestHeaders): Readonly<Record<string, string>> => {
  const fields: Record<string, string> = {}
  for (const name in headers) {
    if (ofMessage.test(name) || overrides.test(name)) continue
    const text = fieldOf(headers, name)
    if (text !== undefined) fields[name] = text
  }
  const authority = fieldOf(headers, ':authority')
  if (authority !== undefined) fields['host'] ??= authority
  fields['accept-encoding'] = 'identity'
  return fields
}

/**
 * What is wrong with a field of a request in a batch; undefined when it may be set.
 *
 * @param name in lower case
 * @param more what may be set besides
 */
export const fault = (name: string, text: string, more: readonly string[]): string | undefined => {
  if (!token.test(name)) return 'is not the name of a field'
  if (!own.includes(name) && !more.includes(name)) return 'cannot be set by a request in a batch'
  return value.test(text) ? undefined : 'has characters that a field cannot have'
}
