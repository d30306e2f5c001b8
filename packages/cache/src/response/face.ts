import { HeaderMap, parseHttpDate, Stem, type Validators } from '@millrace/core'
import type { ClientTerms } from './rule.ts'
import { faced, type StoredReply } from './stored.ts'

/** What answers have to say besides what is kept. */
export interface Manner {
  /** The name in `Cache-Status`; undefined where there is none. */
  readonly name: string | undefined
  readonly browser: ClientTerms | undefined
  /** Fields that are for this cache alone. */
  readonly hidden: readonly string[]
}

/**
 * What all answers from one entry have in common. It stands at the entry, so that a hit has little else to look at: where there
 * are many pages, most of what a hit takes is to fetch from memory what has not been used for long.
 */
export class Face extends Stem {
  readonly #manner: Manner
  readonly #fields: readonly string[]
  #bare: Stem | undefined
  #validators: Validators | undefined

  private constructor({ fields }: StoredReply, manner: Manner) {
    super(toldFields(fields, manner))
    this.#manner = manner
    this.#fields = fields
  }

  static of(stored: StoredReply, manner: Manner): Face {
    const known = stored[faced]
    if (known instanceof Face && known.#fields === stored.fields && known.#manner === manner) return known
    const made = new Face(stored, manner)
    stored[faced] = made
    return made
  }

  /** What a 304 says in its place. */
  get bare(): Stem {
    this.#bare ??= new Stem(withoutBody(new HeaderMap(this.raw)).raw)
    return this.#bare
  }

  validators(now: number): Validators {
    this.#validators ??= validatorsOf(new HeaderMap(this.raw), now)
    return this.#validators
  }
}

const toldFields = (fields: readonly string[], { browser, hidden }: Manner): readonly string[] => {
  const told = new HeaderMap(fields)
  for (const name of hidden) told.delete(name)
  if (browser !== undefined) {
    told.set('Cache-Control', clientControl(browser))
    told.delete('Expires')
  }
  return told.raw
}

export const validatorsOf = (fields: HeaderMap, now: number): Validators => ({
  etag: fields.get('etag'),
  lastModified: parseHttpDate(fields.get('last-modified'), now),
  date: parseHttpDate(fields.get('date'), now),
})

/** The same without the body and what describes it (RFC 9110 section 15.4.5). */
export const withoutBody = (fields: HeaderMap): HeaderMap => {
  for (const name of ofTheBody) fields.delete(name)
  return fields
}

const ofTheBody = ['Content-Length', 'Content-Type', 'Content-Encoding', 'Content-Language', 'Content-Range']

/** How long the client may keep it, in seconds. */
export const clientSeconds = ({ ttl }: ClientTerms): number => Math.floor(Math.min(ttl / 1000, 2 ** 31))

/** What the client may do with it, instead of what the handler says (RFC 9111 section 5.2.2, RFC 8246). */
export const clientControl = (terms: ClientTerms): string =>
  `${terms.private ? 'private' : 'public'}, max-age=${clientSeconds(terms)}${terms.immutable ? ', immutable' : ''}`
