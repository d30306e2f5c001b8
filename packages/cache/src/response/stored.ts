import { type HeaderMap, parseNames, sameName } from '@millrace/core'
import type { Windows } from '../policy.ts'

/** Where an entry in memory has what its answers have in common. Tiers do not write it. */
export const faced: unique symbol = Symbol('millrace.face')

/** A reply as it is kept. Plain data, as tiers write it. */
export interface StoredReply extends Windows {
  readonly kind: 'reply'
  readonly status: number
  /** Name, value, name, value, ...; with `Date` and, where there is a body, `Content-Length`. */
  readonly fields: readonly string[]
  readonly body: Uint8Array
  /** When it was generated, by what is known of its age: milliseconds since 1970. */
  readonly bornAt: number
  /** Bodies of this reply under a content coding, by its name. */
  readonly encodings?: Readonly<Record<string, Uint8Array>> | undefined
  /** Of a part (206), the `Range` that it was the answer to. */
  readonly range?: string | undefined
  /** Set when it is first answered with, so what has one has been looked at and is as it should be. */
  [faced]?: unknown
}

/** At the place of a page whose replies vary by fields that the key does not know: which. */
export interface VaryIndex {
  readonly kind: 'vary'
  /** Lower-case. */
  readonly names: readonly string[]
}

/** At the place of a page whose reply was not to be kept: nobody waits for the next one (Varnish's hit-for-miss). */
export interface PassMark {
  readonly kind: 'pass'
  readonly why: string
}

/** At the place of a language that a page's variants are in: which of them is. */
export interface LanguageNote {
  readonly kind: 'language'
  /** The variant's key. */
  readonly key: string
}

export type Page = StoredReply | VaryIndex | PassMark | LanguageNote

const isObject = (value: unknown): value is Readonly<Record<PropertyKey, unknown>> =>
  typeof value === 'object' && value !== null

/** What a tier brought, if it is a page: another program may have written there. */
export const pageOf = (value: unknown): Page | undefined => {
  if (!isObject(value)) return undefined
  if (isFaced(value)) return value
  if (isStored(value) || isIndex(value) || isMark(value) || isNote(value)) return value
  return undefined
}

const isFaced = (
  value: Readonly<Record<PropertyKey, unknown>>,
): value is Readonly<Record<PropertyKey, unknown>> & StoredReply => value[faced] !== undefined

const isStored = (
  value: Readonly<Record<string, unknown>>,
): value is Readonly<Record<string, unknown>> & StoredReply =>
  value['kind'] === 'reply' &&
  value['body'] instanceof Uint8Array &&
  areTexts(value['fields']) &&
  value['fields'].length % 2 === 0 &&
  isStatus(value['status']) &&
  typeof value['bornAt'] === 'number' &&
  typeof value['swr'] === 'number' &&
  typeof value['staleIfError'] === 'number' &&
  (value['encodings'] === undefined || areBodies(value['encodings'])) &&
  (value['range'] === undefined || typeof value['range'] === 'string')

const isStatus = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599

const isText = (value: unknown): value is string => typeof value === 'string'

const areTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText)

const isBody = (value: unknown): boolean => value instanceof Uint8Array

const areBodies = (value: unknown): boolean => isObject(value) && Object.values(value).every(isBody)

const isIndex = (value: object): value is VaryIndex =>
  'kind' in value && value.kind === 'vary' && 'names' in value && areTexts(value.names)

const isMark = (value: object): value is PassMark => 'kind' in value && value.kind === 'pass'

const isNote = (value: object): value is LanguageNote =>
  'kind' in value && value.kind === 'language' && 'key' in value && typeof value.key === 'string'

/** Fields of one connection (RFC 9110 section 7.6.1), and what a cache says anew on each answer. */
const transient: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'cache-status',
  'content-length',
])

/**
 * The reply's fields that are the handler's own and fit to be kept, as a flat list.
 *
 * @param unshared names that `private="..."` and `no-cache="..."` give (RFC 9111 sections 5.2.2.4 and 5.2.2.7)
 */
export const keptFields = (
  headers: HeaderMap,
  preset: HeaderMap,
  unshared: ReadonlySet<string>,
): string[] => {
  const nominated = new Set(parseNames(headers.get('connection') ?? ''))
  const kept: string[] = []
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (transient.has(lower) || nominated.has(lower) || unshared.has(lower)) continue
    // The handler may go by what middleware further out, whose `Vary` this is, has made of the request.
    if (lower !== 'vary' && isPreset(name, headers, preset)) continue
    kept.push(name, value)
  }
  return kept
}

/** By whole fields: a field of an answer takes the place of every line of that name that is there already. */
const isPreset = (name: string, headers: HeaderMap, preset: HeaderMap): boolean => {
  const given = preset.getAll(name)
  const lines = headers.getAll(name)
  return given.length === lines.length && lines.every((line, i) => line === given[i])
}

export const unsharedNames = (...arguments_: readonly (string | true | undefined)[]): ReadonlySet<string> => {
  const names = arguments_.flatMap((argument) => (typeof argument === 'string' ? parseNames(argument) : []))
  return new Set(names)
}

/** Fields that say how the stored bytes are to be read, which a 304 does not change (RFC 9111 section 3.2). */
const ofTheBytes: ReadonlySet<string> = new Set(['content-encoding', 'content-range', 'content-length'])

/** A stored reply's fields after a 304, or a HEAD, that was for it: what that says takes the place of what was said. */
export const updatedFields = (stored: readonly string[], news: readonly string[]): string[] => {
  const fields: string[] = []
  const isNews = (name: string): boolean =>
    !ofTheBytes.has(name.toLowerCase()) && news.some((other, i) => i % 2 === 0 && sameName(other, name))
  for (let i = 0; i < stored.length; i += 2) {
    const name = stored[i] ?? ''
    if (!isNews(name)) fields.push(name, stored[i + 1] ?? '')
  }
  for (let i = 0; i < news.length; i += 2) {
    const name = news[i] ?? ''
    if (!ofTheBytes.has(name.toLowerCase())) fields.push(name, news[i + 1] ?? '')
  }
  return fields
}
