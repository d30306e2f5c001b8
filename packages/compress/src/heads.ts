import { HeaderMap, Stem } from '@millrace/core'
import type { Coding, DictionaryCoding } from './coding.ts'
import { sayEncoded, type TagOf } from './policy.ts'

/** What a head says of an encoded body. */
export interface Telling {
  readonly coding: Coding | DictionaryCoding
  readonly length: number
  readonly tagOf: TagOf
}

interface Made {
  readonly telling: Telling | undefined
  readonly stem: Stem
}

/** What was made of a stem of fields, by coding; the empty one is none. */
const made = new WeakMap<Stem, Map<Telling['coding'] | '', Made>>()

/**
 * The head of a reply whose body is kept, with its coding and length, or with none. Of the same stem it is the same stem each
 * time, so that who writes it can render it once.
 */
export const keptHead = (headers: HeaderMap, telling: Telling | undefined): HeaderMap => {
  const { stem } = headers
  if (stem === undefined) return changed(headers.clone(), telling)
  let byCoding = made.get(stem)
  if (byCoding === undefined) {
    byCoding = new Map()
    made.set(stem, byCoding)
  }
  let own = byCoding.get(telling?.coding ?? '')
  // What lies beside a file may be made anew.
  if (own?.telling?.length !== telling?.length || own?.telling?.tagOf !== telling?.tagOf) own = undefined
  if (own === undefined) {
    own = { telling, stem: new Stem(changed(new HeaderMap(stem.raw), telling).raw) }
    byCoding.set(telling?.coding ?? '', own)
  }
  return new HeaderMap(own.stem, headers.more)
}

const changed = (headers: HeaderMap, telling: Telling | undefined): HeaderMap => {
  if (telling === undefined) return headers.vary('Accept-Encoding')
  sayEncoded(headers, telling.coding, telling.tagOf)
  return headers.set('Content-Length', telling.length)
}
