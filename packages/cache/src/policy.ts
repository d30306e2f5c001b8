import type { HeaderMap } from '@millrace/core'
import { heuristic, type Terms, understood, windowOf } from './response/terms.ts'

/** For how long what a reply says may be kept is good, in milliseconds from now. */
export interface Keep {
  readonly keep: true
  readonly freshFor: number
  /** After that: served while it is brought anew. */
  readonly swr: number
  /** After that: served when it cannot be brought anew. */
  readonly staleIfError: number
  /** How long it stays at all, to be validated. */
  readonly keptFor: number
}

export interface Refusal {
  readonly keep: false
  /** For `Cache-Status`. */
  readonly why: string
}

/** What the rule says of one reply. */
export interface Word {
  /** The operator's time, in milliseconds, which holds over the reply's own; undefined when the reply is to say. */
  readonly ttl: number | undefined
  readonly swr: number | undefined
  readonly staleIfError: number | undefined
  /** Whether the request's `Authorization` is no reason, as it is ignored or in the key. */
  readonly authorizationIsSafe: boolean
}

export interface Facts {
  readonly status: number
  readonly headers: HeaderMap
  readonly terms: Terms
  /** Whether the request had an `Authorization`. */
  readonly authorized: boolean
}

/** What stands for a resource by itself, and is kept for the operator's `ttl`; what else is kept has to be named there. */
const sound: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 410])

/** How long what is over stays, to be validated instead of sent again. */
const validated = 3_600_000

const refuse = (why: string): Refusal => ({ keep: false, why })

/** Whether a reply may be kept, and for how long: RFC 9111 section 3, as a shared cache, with the operator's word on top. */
export const verdict = ({ status, headers, terms, authorized }: Facts, word: Word): Keep | Refusal => {
  const { says } = terms
  if (status === 206) return refuse('partial')
  if (status === 304 || status < 200) return refuse('status')
  // With `must-understand`, who knows the status may look past `no-store` (section 5.2.2.3).
  const understands = says.has('must-understand') && understood.has(status)
  if (says.has('must-understand') && !understands) return refuse('must-understand')
  if (says.has('no-store') && !understands) return refuse('no-store')
  if (says.get('private') === true) return refuse('private')
  if (headers.has('set-cookie')) return refuse('set-cookie')
  if (isEndless(headers)) return refuse('stream')
  if (authorized && !word.authorizationIsSafe && !allowsAuthorized(terms)) return refuse('authorization')
  if (word.ttl !== undefined) {
    if (!(word.ttl > 0)) return refuse('ttl')
    const swr = word.swr ?? 0
    const staleIfError = word.staleIfError ?? 0
    const keptFor = word.ttl + Math.max(swr, staleIfError, terms.hasValidator ? validated : 0)
    return { keep: true, freshFor: word.ttl, swr, staleIfError, keptFor }
  }
  if (terms.freshFor === undefined && !terms.hasValidator) return refuse('no-lifetime')
  if (terms.freshFor === undefined && !heuristic.has(status) && !says.has('public')) return refuse('status')
  return byItsOwn(terms, word)
}

const byItsOwn = (terms: Terms, word: Word): Keep | Refusal => {
  const { says } = terms
  const freshFor = Math.max(0, (terms.freshFor ?? 0) - terms.age)
  // `s-maxage` is strict as well (section 5.2.2.10), but for what is said beside it: that is what people mean who say both.
  const isStrict = says.has('s-maxage')
  const windowFor = (name: string, byRule: number | undefined): number =>
    terms.strict ? 0 : (windowOf(says, name) ?? (isStrict ? 0 : (byRule ?? 0)))
  const swr = windowFor('stale-while-revalidate', word.swr)
  const staleIfError = windowFor('stale-if-error', word.staleIfError)
  const keptFor = freshFor + Math.max(swr, staleIfError, terms.hasValidator ? validated : 0)
  return keptFor > 0 ? { keep: true, freshFor, swr, staleIfError, keptFor } : refuse('stale')
}

/** What the operator's `ttl` holds for without being asked for a status. */
export const isSound = (status: number): boolean => sound.has(status)

/** RFC 9111 section 3.5. */
const allowsAuthorized = ({ says }: Terms): boolean =>
  says.has('public') || says.has('must-revalidate') || says.has('s-maxage')

/** Bodies that never end, so that whoever waited for one would wait in vain. */
const endless = /^\s*(?:text\/event-stream|multipart\/x-mixed-replace)\b/i

const isEndless = (headers: HeaderMap): boolean => endless.test(headers.get('content-type') ?? '')

/** What can be done with an entry that is not fresh any more. */
export interface Windows {
  readonly swr: number
  readonly staleIfError: number
}

/** Whether it is served at once while it is brought anew (RFC 5861 section 3). What was purged softly is not. */
export const servesWhile = ({ swr }: Windows, freshUntil: number, now: number): boolean =>
  now < freshUntil + swr

/** Whether it is served when it cannot be brought anew (RFC 5861 section 4). What was purged softly is for that alone. */
export const servesInstead = (
  { staleIfError }: Windows,
  freshUntil: number,
  isPurged: boolean,
  now: number,
): boolean => staleIfError > 0 && (isPurged || now < freshUntil + staleIfError)
