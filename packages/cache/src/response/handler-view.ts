import { type Exchange, HeaderMap, type RequestHeaders } from '@millrace/core'
import type { Kept } from '../engine/kept.ts'
import { keyedFields } from './asking.ts'
import { keyedUrl } from './key.ts'
import type { Rule } from './rule.ts'
import { pageOf } from './stored.ts'

/** What the handler is to see of a request instead of what the client sent. */
export interface View {
  readonly headers: RequestHeaders
  readonly url?: string
}

/**
 * Asked for a reply that can be kept, and so without the client's own conditions; or, where something is kept already,
 * whether that is still right (RFC 9111 section 4.3.1). Isolated, it sees nothing that is not in the key.
 *
 * @returns undefined where it may see the request as it is
 */
export const handlerView = (exchange: Exchange, rule: Rule, kept: Kept | undefined): View | undefined => {
  const { headers } = exchange
  const conditions = conditionsOf(kept)
  if (rule.isolate) {
    const url = keyedUrl(exchange, rule.query)
    return {
      headers: { ...keyedFields(exchange, rule, []), ...conditions },
      ...(url !== undefined && { url }),
    }
  }
  if (
    conditions === undefined &&
    headers['if-none-match'] === undefined &&
    headers['if-modified-since'] === undefined
  ) {
    return undefined
  }
  const seen: Record<string, string | string[] | undefined> = { ...headers }
  delete seen['if-none-match']
  delete seen['if-modified-since']
  return { headers: { ...seen, ...conditions } }
}

const conditionsOf = (kept: Kept | undefined): Record<string, string> | undefined => {
  const stored = kept && pageOf(kept.value)
  if (stored?.kind !== 'reply') return undefined
  const fields = new HeaderMap(stored.fields)
  const etag = fields.get('etag')
  const modified = fields.get('last-modified')
  if (etag === undefined && modified === undefined) return undefined
  return {
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(modified !== undefined && { 'if-modified-since': modified }),
  }
}
