import type { Reply, SyntheticRequest } from '@millrace/core'
import { inject as lightMyRequest } from 'light-my-request'
import { readFields } from './fields.ts'
import type { HostRequest, HostResponse } from './host.ts'

const cause: unique symbol = Symbol('millrace.cause')

declare module './host.ts' {
  interface HostRequest {
    /** What a synthetic request was made for. */
    [cause]?: object
  }
}

/** An app as a server calls it: an Express app is one. */
export interface App {
  handle(req: HostRequest, res: HostResponse): unknown
}

/** What a synthetic request was made for; undefined for one that came over a connection. */
export const causeOf = (req: HostRequest): object | undefined => req[cause]

/** Sends a request through an app without a connection. Resolves when the head is known; the body is a stream. */
export const inject = async (app: App, request: SyntheticRequest): Promise<Reply> => {
  const answer = await lightMyRequest(
    (req, res) => {
      const marked: HostRequest = req
      marked[cause] = request.cause
      pin(req, ['_read', 'destroy'])
      pin(res, ['writeHead', 'write', 'end', 'destroy', 'addTrailers'])
      app.handle(marked, res)
    },
    {
      method: request.method ?? 'GET',
      url: request.url,
      headers: { ...request.headers },
      payloadAsStream: true,
      ...(request.body && { payload: Buffer.from(request.body) }),
      ...(request.signal && { signal: request.signal }),
    },
  )
  return {
    status: answer.statusCode,
    reason: answer.statusMessage,
    headers: readFields(answer.raw.res),
    body: answer.stream(),
  }
}

/** Express gives requests and responses other prototypes; the methods that make these synthetic must outlive that. */
const pin = (object: object, names: readonly string[]): void => {
  for (const name of names)
    Object.defineProperty(object, name, {
      value: Reflect.get(object, name),
      configurable: true,
      writable: true,
    })
}
