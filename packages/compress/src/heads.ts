import { HeaderMap, Stem } from '@millrace/core'
import type { Coding } from './coding.ts'
import { sayEncoded } from './policy.ts'

/** What was made of a stem of fields, by coding; the empty one is none. */
const made = new WeakMap<Stem, Map<Coding | '', Stem>>()

/**
 * The head of a reply whose body is kept, with its coding and length, or with none. Of the same stem it is the same stem each
 * time, so that who writes it can render it once.
 */
export const keptHead = (headers: HeaderMap, coding: Coding | undefined, length: number): HeaderMap => {
  const { stem } = headers
  if (stem === undefined) return changed(headers.clone(), coding, length)
  let byCoding = made.get(stem)
  if (byCoding === undefined) {
    byCoding = new Map()
    made.set(stem, byCoding)
  }
  let own = byCoding.get(coding ?? '')
  if (own === undefined) {
    own = new Stem(changed(new HeaderMap(stem.raw), coding, length).raw)
    byCoding.set(coding ?? '', own)
  }
  return new HeaderMap(own, headers.more)
}

const changed = (headers: HeaderMap, coding: Coding | undefined, length: number): HeaderMap => {
  if (coding === undefined) return headers.vary('Accept-Encoding')
  sayEncoded(headers, coding)
  return headers.set('Content-Length', length)
}
