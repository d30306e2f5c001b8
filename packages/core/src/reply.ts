import type { Body } from './body.ts'
import { HeaderMap } from './header-map.ts'

/**
 * The one representation of a response. It is known when the head is known; the body may still be on its way.
 * Mutable until it is returned. A reply whose parts nobody changed goes out exactly as the handler wrote it.
 */
export interface Reply {
  status: number
  /** The reason phrase, where the handler set one of its own; HTTP/2 has none. */
  reason?: string | undefined
  headers: HeaderMap
  /** Replacing it corrects `Content-Length`; what else describes the bytes (`ETag`, ...) is the layer's business. */
  body: Body
}

/** A reply that a layer makes by itself. */
export const reply = (
  status: number,
  headers: HeaderMap | Readonly<Record<string, string | number | readonly string[]>> = {},
  body: Uint8Array | AsyncIterable<Uint8Array> | string | null = null,
): Reply => ({
  status,
  headers: headers instanceof HeaderMap ? headers : HeaderMap.from(headers),
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
})

/** What counts as a failure wherever Millrace asks: a 5xx answer. A thrown error is the other kind. */
export const failed = (answer: Pick<Reply, 'status'>): boolean => answer.status >= 500
