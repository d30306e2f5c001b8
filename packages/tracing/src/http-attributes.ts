import { type Exchange, fieldOf, searchOf } from '@millrace/core'
import type { Attributes } from '@opentelemetry/api'

/** Methods that are told as they are: RFC 9110, `PATCH` (RFC 5789) and `QUERY`, as the conventions say. */
export const knownMethods: readonly string[] = [
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]

/** Parameters of a query that hold secrets, by the conventions. */
export const sensitiveParameters: readonly string[] = [
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
  'AWSAccessKeyId',
  'Signature',
  'sig',
  'X-Goog-Signature',
]

/** What OpenTelemetry's stable conventions for HTTP servers say of a request (semantic conventions 1.45). */
export class HttpAttributes {
  readonly #methods: ReadonlySet<string>
  readonly #secrets: ReadonlySet<string>

  constructor(methods: readonly string[], secrets: readonly string[]) {
    this.#methods = new Set(methods)
    this.#secrets = new Set(secrets)
  }

  /** The name of its span. */
  name(method: string, route?: string): string {
    const known = this.#methods.has(method) ? method : 'HTTP'
    return route === undefined ? known : `${known} ${route}`
  }

  /** What is known when it comes. */
  of(exchange: Exchange): Attributes {
    const { method, path, url, scheme, headers, httpVersion, client } = exchange
    const isKnown = this.#methods.has(method)
    const attributes: Attributes = {
      'http.request.method': isKnown ? method : '_OTHER',
      'url.path': path,
      'url.scheme': scheme,
      'network.protocol.version': httpVersion.startsWith('1.') ? httpVersion : httpVersion.replace('.0', ''),
    }
    if (!isKnown) attributes['http.request.method_original'] = method
    if (client.address !== '') attributes['client.address'] = client.address
    const query = searchOf(url).slice(1)
    if (query !== '') attributes['url.query'] = this.#redacted(query)
    const agent = headers['user-agent']
    if (agent !== undefined) attributes['user_agent.original'] = agent
    const host = fieldOf(headers, ':authority') ?? fieldOf(headers, 'host')
    if (host !== undefined) addServer(attributes, host)
    return attributes
  }

  #redacted(query: string): string {
    if (this.#secrets.size === 0 || !query.includes('=')) return query
    const pairs = query.split('&')
    return pairs
      .map((pair) => (this.#isSecret(pair) ? `${pair.slice(0, pair.indexOf('='))}=REDACTED` : pair))
      .join('&')
  }

  #isSecret(pair: string): boolean {
    const equals = pair.indexOf('=')
    if (equals === -1) return false
    const name = pair.slice(0, equals)
    return this.#secrets.has(name.includes('%') ? decoded(name) : name)
  }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `host`, `host:port`, `[::1]`, `[::1]:port`. */
const addServer = (attributes: Attributes, host: string): void => {
  const colon = host.lastIndexOf(':')
  const hasPort = colon > host.lastIndexOf(']')
  const name = hasPort ? host.slice(0, colon) : host
  const port = hasPort ? Number(host.slice(colon + 1)) : 0
  if (name === '') return
  attributes['server.address'] = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  if (port > 0 && port <= 65_535) attributes['server.port'] = port
}
