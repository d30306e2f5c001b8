import { randomBytes } from 'node:crypto'
import {
  type Exchange,
  fieldOf,
  formatContentRange,
  ifRangeHolds,
  multipartRanges,
  parseRange,
  type Reply,
  type Validators,
} from '@millrace/core'

/** The part of a whole reply that the client asks for (RFC 9110 section 14). */
export const partOf = (
  { headers: asked }: Exchange,
  reply: Reply,
  body: Uint8Array,
  validators: Validators,
  now: number,
): Reply => {
  const size = body.byteLength
  const ranges = parseRange(fieldOf(asked, 'range'), size)
  if (ranges === undefined || !ifRangeHolds(asked, validators, now)) return reply
  const { headers } = reply
  if (ranges === 'unsatisfiable') {
    headers.set('Content-Range', formatContentRange(undefined, size))
    headers.set('Content-Length', 0)
    return { status: 416, headers, body: null }
  }
  const [range] = ranges
  if (range !== undefined && ranges.length === 1) {
    headers.set('Content-Range', formatContentRange(range, size))
    headers.set('Content-Length', range.last - range.first + 1)
    return { status: 206, headers, body: body.subarray(range.first, range.last + 1) }
  }
  const boundary = randomBytes(18).toString('hex')
  const contentType = headers.get('content-type')
  const parts = multipartRanges(body, ranges, { boundary, contentType })
  headers.set('Content-Type', `multipart/byteranges; boundary=${boundary}`)
  headers.set('Content-Length', parts.byteLength)
  return { status: 206, headers, body: parts }
}
