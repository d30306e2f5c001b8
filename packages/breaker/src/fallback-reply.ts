import { HeaderMap, type Reply, reply } from '@millrace/core'

/** A reply as data. */
export interface FallbackReply {
  readonly status: number
  /** Default: the body's `Content-Type`, and `Cache-Control: no-store`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text, or what is sent as JSON. Default none. */
  readonly body?: unknown
}

/** Makes such a reply as often as it is wanted. @throws TypeError when the body makes no JSON */
export const prepared = ({ status, headers = {}, body }: FallbackReply): (() => Reply) => {
  const fields = HeaderMap.from(headers)
  if (body !== undefined && !fields.has('content-type'))
    fields.set('Content-Type', typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json')
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  if (body !== undefined && text === undefined) throw new TypeError('expected text, or what makes JSON')
  const bytes = text === undefined ? null : new TextEncoder().encode(text)
  return () => reply(status, new HeaderMap(fields.raw), bytes)
}

/** A stopgap is not to be kept by a cache as if it were the real thing. */
export const unkept = (answer: Reply): Reply => {
  if (!answer.headers.has('cache-control')) answer.headers.set('Cache-Control', 'no-store')
  return answer
}
