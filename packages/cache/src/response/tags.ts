import type { Exchange, HeaderMap, Reply } from '@millrace/core'
import type { TagTerm } from './rule.ts'
import type { Speech } from './speech.ts'

/**
 * What a reply can be purged by, beside its URL: the rule's tags, the handler's words, and its fields.
 *
 * @throws TypeError when a function of the rule's gives no tags
 */
export const tagsOf = (
  terms: readonly TagTerm[],
  exchange: Exchange,
  reply: Reply,
  speech: Speech | undefined,
): readonly string[] => {
  const tags = new Set<string>()
  for (const term of terms) {
    if (typeof term === 'string') tags.add(filled(term, exchange))
    else for (const tag of listOf(term(exchange, reply))) tags.add(tag)
  }
  for (const tag of speech?.tags ?? []) tags.add(tag)
  for (const tag of fieldTags(reply.headers)) tags.add(tag)
  // The same list for all that have none, as an entry has what many have only once.
  return tags.size === 0 ? none : [...tags]
}

const none: readonly string[] = []

const listOf = (given: string | readonly string[] | undefined): readonly string[] => {
  const tags = given === undefined ? [] : typeof given === 'string' ? [given] : given
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags
  throw new TypeError(`tags: expected a string or strings, got ${JSON.stringify(given)}`)
}

/** `city:{id}` with the params of the route. One that is not there leaves its place empty. */
const filled = (tag: string, { params }: Exchange): string =>
  tag.includes('{') ? tag.replace(/\{([^{}]+)\}/g, (_, name: string) => params[name] ?? '') : tag

/** Fastly and Varnish name the first and separate by spaces; Cloudflare and Akamai name the second and by commas. */
const fieldTags = (headers: HeaderMap): readonly string[] => [
  ...split(headers.get('surrogate-key'), /\s+/),
  ...split(headers.get('cache-tag'), /\s*,\s*/),
]

const split = (field: string | undefined, by: RegExp): readonly string[] =>
  field === undefined
    ? []
    : field
        .trim()
        .split(by)
        .filter((tag) => tag !== '')
