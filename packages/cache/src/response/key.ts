import { createHash } from 'node:crypto'
import { type Exchange, fieldOf, type RequestHeaders, varyKey } from '@millrace/core'

/** A part of the request that the rule names and that is in the key. */
export type Selector =
  | { readonly by: 'field'; readonly name: string }
  | { readonly by: 'cookie'; readonly name: string }
  | { readonly by: 'function'; readonly read: (exchange: Exchange) => string }

/** How much of a query is in the key: all as it was sent, all in an order of its own, or these parameters. */
export type QueryTerms = 'sent' | 'sorted' | readonly string[]

export interface KeyTerms {
  readonly query: QueryTerms
  readonly selectors: readonly Selector[]
  readonly authorization?: 'ignore' | 'key' | undefined
}

/** Longer keys are not kept, and their requests go around: never to a key that they would share. */
const longest = 4096

/** What some hosts take for the request's own host and scheme. They are in the key where they are sent. */
const forwarded = ['x-forwarded-host', 'x-forwarded-proto'] as const

/** What of an exchange says which page it is for. */
export type Located = Pick<Exchange, 'scheme' | 'headers' | 'url' | 'path'>

/**
 * The page that a request is for: scheme, host and target, as they were sent: a handler may show the host's case, too. The
 * length of the host keeps them apart.
 *
 * @returns undefined when it would be too long to be kept under, or when there is no telling what a handler reads in it
 */
export const pageKey = (exchange: Located, query: QueryTerms): string | undefined => {
  const { headers, scheme } = exchange
  const url = keyedUrl(exchange, query)
  if (url === undefined) return undefined
  const named = fieldOf(headers, 'host')
  const host = fieldOf(headers, ':authority') ?? named ?? ''
  let key = `${scheme}:${host.length}:${host}${url}`
  // Over HTTP/2 there may be both, and hosts do not agree on which to believe.
  if (named !== undefined && named !== host) key += `\nhost:${named}`
  for (const name of forwarded) {
    const value = fieldOf(headers, name)
    if (value !== undefined) key += `\n${name}:${value}`
  }
  return key.length > longest ? undefined : key
}

/** Of any key, that of the page. */
export const pagePart = (key: string): string =>
  /^[^\n]*(?:\n(?:host|x-forwarded-\w+):[^\n]*)*/.exec(key)?.[0] ?? key

/** What of a page's key stands for which request it was for. */
export const urlOf = (
  key: string,
): { readonly scheme: string; readonly host: string; readonly target: string } => {
  const colon = key.indexOf(':')
  const second = key.indexOf(':', colon + 1)
  const end = second + 1 + Number(key.slice(colon + 1, second))
  const line = key.indexOf('\n')
  return {
    scheme: key.slice(0, colon),
    host: key.slice(second + 1, end),
    target: key.slice(end, line < 0 ? undefined : line),
  }
}

/**
 * The page's key with what the rule names, each part with its length, so that no two requests share one that differ in it.
 *
 * @param content what identifies the body of a request that has one
 * @throws what a function of the rule's throws, and TypeError when it gives no string
 */
export const keyOf = (
  page: string,
  exchange: Exchange,
  { selectors, authorization }: KeyTerms,
  content?: string,
): string | undefined => {
  let key = page
  if (content !== undefined) key += `\nb:${content}`
  if (selectors.length > 0) key += selected(exchange, selectors)
  if (authorization === 'key') {
    const value = fieldOf(exchange.headers, 'authorization')
    key += value === undefined ? '\na-' : `\na:${digest(value)}`
  }
  return key.length > longest ? undefined : key
}

/** After so many parameters the parsers of Node and of Express read no further. */
const mostParameters = 1000

/**
 * As the parameters were sent, not decoded: two spellings that a handler might tell apart stay two. `a[b]` counts as `a`,
 * because handlers' parsers make one of them.
 */
const targetOf = (exchange: Located, query: Exclude<QueryTerms, 'sent'>): string | undefined => {
  const { path, url } = exchange
  if (path === url) return url
  // A whole URL, or one with a fragment: what of it is the query is not the same to all.
  if (!url.startsWith(`${path}?`) || url.includes('#')) return undefined
  const pairs = url.slice(path.length + 1).split('&')
  if (pairs.length > mostParameters) return undefined
  const kept = query === 'sorted' ? pairs : pairs.filter((pair) => query.includes(baseName(nameOf(pair))))
  if (kept.length === 0) return path
  // By name alone, and stable: the values of one name stay in their order, which may mean something.
  kept.sort((a, b) => compare(baseName(nameOf(a)), baseName(nameOf(b))))
  return `${path}?${kept.join('&')}`
}

/** The target as an isolated handler sees it: with the part of the query that is in the key. */
export const keyedUrl = (exchange: Located, query: QueryTerms): string | undefined =>
  query === 'sent' ? exchange.url : targetOf(exchange, query)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const nameOf = (pair: string): string => {
  const equals = pair.indexOf('=')
  const name = (equals < 0 ? pair : pair.slice(0, equals)).replaceAll('+', ' ')
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** The parameter that handlers' parsers put it into: `a` for `a[b]`, `a.b` and, as `qs` reads it, `[a]`. */
export const baseName = (name: string): string => {
  const text = name.startsWith('[') ? name.slice(1) : name
  const end = text.search(/[[.\]]/)
  return end > 0 ? text.slice(0, end) : text
}

const selected = (exchange: Exchange, selectors: readonly Selector[]): string => {
  let text = ''
  for (const selector of selectors) {
    const value = read(exchange, selector)
    text += value === undefined ? '\n-' : `\n${value.length}:${value}`
  }
  return text
}

const read = (exchange: Exchange, selector: Selector): string | undefined => {
  if (selector.by === 'field') return varyKey([selector.name], exchange.headers)
  if (selector.by === 'cookie') return cookieOf(exchange.headers, selector.name)
  const value: unknown = selector.read(exchange)
  if (value === undefined || typeof value === 'string') return value
  // Objects have one text for all of them, and so have promises.
  throw new TypeError(`vary: expected a string, got ${JSON.stringify(value)}`)
}

/** Every value that a cookie of this name has, in order: who reads the first and who reads the last must agree. */
export const cookieOf = (headers: RequestHeaders, name: string): string | undefined => {
  const field = fieldOf(headers, 'cookie')
  if (field === undefined) return undefined
  const values: string[] = []
  for (const pair of field.split(';')) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim())
  }
  return values.length === 0 ? undefined : values.join('; ')
}

/** The key of one variant of a page: what the request says in the fields that the page's replies vary by. */
export const variantKey = (page: string, names: readonly string[], headers: RequestHeaders): string => {
  const key = `${page}\nv:${varyKey(names, headers)}`
  return key.length > longest ? `${page}\nv#${digest(key)}` : key
}

/** What tells the body of a request from others: its bytes, what they are said to be, and how they came. */
export const contentKey = ({ method, headers }: Exchange, content: Uint8Array): string =>
  `${method}:${digest(content)}:${varyKey(['content-type', 'content-encoding', 'transfer-encoding'], headers)}`

export const digest = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('base64url')
