import { type Exchange, failed, fieldOf, type Reply, searchOf } from '@millrace/core'

/** What a request that a fallback makes is for. */
export class FallbackCause {
  /** The path that it stands in for. */
  readonly path: string

  constructor(path: string) {
    this.path = path
  }
}

/** Of HTTP/2, of the connection, of the content, or of what the client has of the first path. */
const own =
  /^(?::.*|if-.*|range|content-.*|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect)$/

const ofTheConnection = ['connection', 'keep-alive', 'transfer-encoding', 'trailer'] as const

/** What another route of the same app answers to the same client. A request that was made by `inject` gets none. */
export const rerouted = async (exchange: Exchange, route: string, signal: AbortSignal): Promise<Reply> => {
  const { headers, method, path, url } = exchange
  const host = fieldOf(headers, ':authority')
  const fields: Record<string, string> = host === undefined ? {} : { host }
  for (const name of Object.keys(headers)) {
    const value = own.test(name) ? undefined : fieldOf(headers, name)
    if (value !== undefined) fields[name] = value
  }
  const reply = await exchange.inject({
    method: method === 'HEAD' ? 'HEAD' : 'GET',
    url: route.includes('?') ? route : `${route}${searchOf(url)}`,
    headers: fields,
    cause: new FallbackCause(path),
    signal,
  })
  if (failed(reply)) throw new TypeError(`the fallback ${route} answered ${reply.status}`)
  for (const name of ofTheConnection) reply.headers.delete(name)
  return reply
}
