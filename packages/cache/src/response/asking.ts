import { deltaSeconds, type Exchange, fieldOf, parseCacheControl, type RequestHeaders } from '@millrace/core'
import type { Kept } from '../engine/kept.ts'
import { cookieOf } from './key.ts'
import type { Rule } from './rule.ts'
import type { StoredReply } from './stored.ts'

/** What makes some handlers take a request for another one. A reply to it is not one to its URL. */
const isOverridden = (headers: RequestHeaders): boolean =>
  headers['x-http-method-override'] !== undefined ||
  headers['x-http-method'] !== undefined ||
  headers['x-method-override'] !== undefined ||
  headers['x-original-url'] !== undefined ||
  headers['x-rewrite-url'] !== undefined

/** Why a request goes around the cache; undefined when it does not. */
export const bypassReason = (
  { method, headers }: Pick<Exchange, 'method' | 'headers'>,
  { authorization, cookies, body, isolate, clientControl }: Rule,
): string | undefined => {
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead && !(body > 0 && (method === 'POST' || method === 'QUERY'))) return 'method'
  // A reply to one user is never another's (RFC 9111 section 3.5; cookies by the same reason).
  if (authorization === undefined && headers['authorization'] !== undefined) return 'authorization'
  if (cookies === undefined && headers['cookie'] !== undefined) return 'cookie'
  // Content of a GET means nothing (RFC 9110 section 9.3.1) but to handlers that read it; the key does not know it.
  if (isRead && (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'))
    return 'content'
  // For the handler to evaluate (RFC 9111 section 4.3.2).
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return 'conditional'
  if (!isolate && isOverridden(headers)) return 'override'
  if (headers['upgrade'] !== undefined) return 'upgrade'
  return clientControl && parseCacheControl(controlOf(headers)).has('no-store') ? 'request' : undefined
}

/** `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111 section 5.4). */
const controlOf = (headers: RequestHeaders): string | undefined =>
  fieldOf(headers, 'cache-control') ?? fieldOf(headers, 'pragma')

/** Whether the client wants something fresher than what is kept (RFC 9111 section 5.2.1). */
export const refusesStored = (
  { headers }: Exchange,
  { freshUntil }: Kept,
  { bornAt }: StoredReply,
  now: number,
): boolean => {
  const wants = parseCacheControl(controlOf(headers))
  if (wants.size === 0) return false
  if (wants.has('no-cache')) return true
  const age = (now - bornAt) / 1000
  const left = (freshUntil - now) / 1000
  const oldest = deltaSeconds(wants.get('max-age'))
  const least = deltaSeconds(wants.get('min-fresh'))
  return (oldest !== undefined && age > oldest) || (least !== undefined && left < least)
}

const always = ['host', 'x-forwarded-host', 'x-forwarded-proto'] as const

/** What asks for a page, without a client. */
export interface PageRequest {
  readonly url: string
  readonly scheme: string
  readonly headers: Readonly<Record<string, string>>
  /** The page's key with what the rule names. */
  readonly first: string
}

/** HTTP/2 names the host elsewhere. */
export const hostOf = ({ headers }: Exchange): Record<string, string> => {
  const host = fieldOf(headers, ':authority')
  return host === undefined ? {} : { host }
}

/** Of what has content, which is in the key, too. */
const ofContent = ['content-type', 'content-encoding', 'content-length', 'transfer-encoding'] as const

/**
 * The fields of a request that are in the key.
 *
 * @param also others to take
 */
export const keyedFields = (
  { method, headers }: Exchange,
  { selectors, authorization }: Rule,
  also: readonly string[],
): Record<string, string> => {
  const fields: Record<string, string> = {}
  const take = (name: string): void => {
    const value = fieldOf(headers, name)
    if (value !== undefined) fields[name] = value
  }
  for (const name of [...always, ...also]) take(name)
  if (method !== 'GET' && method !== 'HEAD') ofContent.forEach(take)
  for (const selector of selectors) if (selector.by === 'field') take(selector.name)
  if (authorization === 'key') take('authorization')
  const kept = selectors.flatMap((selector) => {
    const value = selector.by === 'cookie' ? cookieOf(headers, selector.name) : undefined
    return selector.by === 'cookie' && value !== undefined ? `${selector.name}=${value}` : []
  })
  if (kept.length > 0) fields['cookie'] ??= kept.join('; ')
  return fields
}
