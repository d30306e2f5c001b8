import { type Exchange, type Reply, reply } from '@millrace/core'
import type { House } from './house.ts'
import { pageKey } from './key.ts'
import type { Rule } from './rule.ts'

/** Methods that change nothing (RFC 9110 section 9.2.1, RFC 3253, RFC 4918, RFC 5323, RFC 10008). */
const safe: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
])

/**
 * What succeeded in changing a resource makes what is kept of it out of date, and of what its reply names on the same host
 * (RFC 9111 section 4.4).
 */
export const invalidate = async (
  exchange: Exchange,
  answer: Reply,
  house: House,
  { query }: Rule,
): Promise<void> => {
  if (safe.has(exchange.method) || answer.status < 200 || answer.status > 399) return
  const page = pageKey(exchange, query)
  if (page === undefined) return
  const pages = new Set([page])
  for (const name of ['location', 'content-location']) {
    const target = targetOn(exchange, answer.headers.get(name))
    const other = target === undefined ? undefined : pageKey(at(exchange, target), query)
    if (other !== undefined) pages.add(other)
  }
  await Promise.all([...pages].map((each) => house.forget(each)))
}

/** `PURGE` of what a request for the same target would get, as Varnish and Squid know it. */
export const purgeBy = async (exchange: Exchange, house: House, { query }: Rule): Promise<Reply> => {
  if (!(await house.authorizePurge?.(exchange))) return reply(403)
  const page = pageKey(exchange, query)
  if (page !== undefined) await house.forget(page)
  return reply(204)
}

/** Whether a reply says that it is what its own URL stands for from now on (RFC 9110 section 8.7). */
export const isOfItself = (exchange: Exchange, { headers }: Reply): boolean => {
  const { own, other } = resolved(exchange, headers.get('content-location'))
  return own !== undefined && own.href === other?.href
}

/** Path and query of a reference, where it is on the host that the request was for. */
const targetOn = (exchange: Exchange, reference: string | undefined): string | undefined => {
  const { own, other } = resolved(exchange, reference)
  return own && other && own.host === other.host ? other.pathname + other.search : undefined
}

const resolved = (
  { headers, scheme, url }: Exchange,
  reference: string | undefined,
): { readonly own?: URL | undefined; readonly other?: URL | undefined } => {
  const host = headers['host'] ?? headers[':authority']
  if (reference === undefined || typeof host !== 'string') return {}
  const own = URL.parse(`${scheme}://${host}${url}`) ?? undefined
  return { own, other: own && (URL.parse(reference, own.href) ?? undefined) }
}

const at = (exchange: Exchange, url: string): Exchange =>
  Object.create(exchange, { url: { value: url }, path: { value: url.split('?', 1).join() } })
