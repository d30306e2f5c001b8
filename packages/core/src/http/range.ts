import { splitList } from './list.ts'

/** Bytes of a body, from the first to the last, which is included: as `Range` and `Content-Range` count. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** More than any player or viewer asks for at once. Each part costs a head of its own. */
const mostRanges = 32

const specifier = /^(\d*)-(\d*)$/

/** undefined: malformed; null: nothing of it is there. */
const resolve = (text: string, size: number): ByteRange | null | undefined => {
  const match = specifier.exec(text)
  if (!match) return undefined
  const [, from = '', to = ''] = match
  if (from === '') {
    if (to === '') return undefined
    const length = Number(to)
    return length === 0 ? null : { first: Math.max(0, size - length), last: size - 1 }
  }
  const first = Number(from)
  const last = to === '' ? Number.POSITIVE_INFINITY : Number(to)
  if (last < first) return undefined
  return first < size ? { first, last: Math.min(last, size - 1) } : null
}

const overlap = (ranges: readonly ByteRange[]): boolean => {
  const sorted = ranges.toSorted((a, b) => a.first - b.first)
  return sorted.some(({ first }, i) => first <= (sorted[i - 1]?.last ?? -1))
}

/**
 * Reads a `Range` field against a body of `size` bytes (RFC 9110 section 14.2): the ranges that are there, in the order
 * in which they were asked for. One range is answered as 206 with {@link formatContentRange}, several with
 * {@link multipartRanges}. `unsatisfiable`: none is there, 416.
 *
 * @returns undefined when the field does not count and the whole body is the answer: it is absent, malformed, of another
 *   unit, asks for more than 32 ranges or for the same bytes twice (section 14.2 names these as attacks), or the body
 *   is empty, so that there is no range that could be named
 */
export const parseRange = (
  field: string | undefined,
  size: number,
): readonly ByteRange[] | 'unsatisfiable' | undefined => {
  if (field === undefined || size === 0 || !/^bytes=/i.test(field)) return undefined
  const asked = splitList(field.slice('bytes='.length)).filter((text) => text !== '')
  if (asked.length === 0 || asked.length > mostRanges) return undefined
  const ranges: ByteRange[] = []
  for (const text of asked) {
    const range = resolve(text, size)
    if (range === undefined) return undefined
    if (range !== null) ranges.push(range)
  }
  if (ranges.length === 0) return 'unsatisfiable'
  return overlap(ranges) ? undefined : ranges
}

/** Writes a `Content-Range` field (RFC 9110 section 14.4): of a 206, or without a range of a 416. */
export const formatContentRange = (range: ByteRange | undefined, size: number): string =>
  range ? `bytes ${range.first}-${range.last}/${size}` : `bytes */${size}`

/** The part of a body that a 206 carries. */
export interface ContentRange extends ByteRange {
  /** Of the whole body, in bytes; undefined when it is not known. */
  readonly size: number | undefined
}

/**
 * Reads the `Content-Range` field of a 206 (RFC 9110 section 14.4).
 *
 * @returns undefined when it is absent, malformed, of another unit, impossible (`bytes 5-4/10`, `bytes 0-10/10`), or
 *   names no range (`bytes *\/10`)
 */
export const parseContentRange = (field: string | undefined): ContentRange | undefined => {
  const match = field === undefined ? null : /^bytes (\d+)-(\d+)\/(?:(\d+)|\*)$/i.exec(field)
  if (!match) return undefined
  const first = Number(match[1])
  const last = Number(match[2])
  const size = match[3] === undefined ? undefined : Number(match[3])
  const end = size ?? Number.MAX_SAFE_INTEGER
  return first <= last && last < end && end <= Number.MAX_SAFE_INTEGER ? { first, last, size } : undefined
}

const encoder = new TextEncoder()

/**
 * The body of a 206 with several ranges (RFC 9110 section 14.6), one copy of the bytes asked for. Its `Content-Type` is
 * `multipart/byteranges; boundary=<boundary>`.
 *
 * @param ranges within the body: what {@link parseRange} returned for its size
 * @param part what delimits the parts, which must be random enough not to be in the body and consist of letters, digits
 *   and `-`; and the `Content-Type` of the whole body, if it has one
 */
export const multipartRanges = (
  body: Uint8Array,
  ranges: readonly ByteRange[],
  { boundary, contentType }: { readonly boundary: string; readonly contentType?: string | undefined },
): Uint8Array => {
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`
  const pieces: Uint8Array[] = []
  for (const [i, range] of ranges.entries()) {
    const head = `${i === 0 ? '' : '\r\n'}--${boundary}\r\n${type}Content-Range: ${formatContentRange(range, body.length)}\r\n\r\n`
    pieces.push(encoder.encode(head), body.subarray(range.first, range.last + 1))
  }
  pieces.push(encoder.encode(`\r\n--${boundary}--\r\n`))
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
