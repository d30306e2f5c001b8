import { fieldOf, HeaderMap, parseAccept, type RequestHeaders } from '@millrace/core'
import { variantKey } from './key.ts'

/** All that a list of languages is made of. A page that shows what else there is must not be shown to others. */
const harmless = /^[a-z\d*;,=. \t-]*$/i

const tag = /^[a-z]{1,8}(?:-[a-z\d]{1,8})*$/i

/** What the request says of languages, where that may be what a page varies by. */
const askedOf = (names: readonly string[], headers: RequestHeaders): string | undefined => {
  const field = names.includes('accept-language') ? fieldOf(headers, 'accept-language') : undefined
  return field !== undefined && harmless.test(field) ? field : undefined
}

/**
 * The one language that a request asks for before all others, in lower case. A variant in that language is what a handler
 * would give it, whatever else it would take, and whoever else that variant was for.
 *
 * @param names fields that the page varies by
 */
export const wantedLanguage = (names: readonly string[], headers: RequestHeaders): string | undefined => {
  const languages = parseAccept(askedOf(names, headers))
  const [best, second] = languages.toSorted((a, b) => b.quality - a.quality)
  if (best === undefined || !tag.test(best.value) || best.quality === second?.quality) return undefined
  return best.quality > 0 ? best.value : undefined
}

/** The one language that a reply is in, in lower case. */
export const languageOf = (fields: readonly string[]): string | undefined => {
  const language = new HeaderMap(fields).get('content-language')?.toLowerCase()
  return language !== undefined && tag.test(language) ? language : undefined
}

/** Where it is noted which variant of a page is in a language; undefined where none may be. */
export const languagePlace = (
  first: string,
  names: readonly string[],
  headers: RequestHeaders,
  language: string | undefined,
): string | undefined =>
  language === undefined || askedOf(names, headers) === undefined
    ? undefined
    : `${variantKey(first, names, { ...headers, 'accept-language': language })}\nl`
