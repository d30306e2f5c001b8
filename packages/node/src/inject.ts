import type { Inject, Reply, SyntheticRequest } from '@millrace/core'
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

/** Where a request comes from. */
export interface Origin {
  readonly scheme: string
  /** Of whom the connection is with: a proxy, maybe. */
  readonly address: string
}

/** What a synthetic request was made for; undefined for one that came over a connection. */
export const causeOf = (req: HostRequest): object | undefined => req[cause]

/**
 * Sends a request through an app without a connection. Resolves when the head is known; the body is a stream.
 *
 * @param from where the app is to take it to have come from: `https` looks like TLS
 * @throws what `request.signal` was aborted with, as a rejection
 */
export const inject = async (app: App, request: SyntheticRequest, from: Origin): Promise<Reply> => {
  request.signal?.throwIfAborted()
  const answer = await lightMyRequest(
    (req, res) => {
      const marked: HostRequest = req
      marked[cause] = request.cause
      if (from.scheme === 'https') Object.defineProperty(req.socket, 'encrypted', { value: true })
      pin(req, ['_read', 'destroy'])
      pin(res, ['writeHead', 'write', 'end', 'destroy', 'addTrailers'])
      app.handle(marked, res)
    },
    {
      method: request.method ?? 'GET',
      url: request.url,
      headers: { ...request.headers },
      remoteAddress: from.address,
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

/** The address of nobody, for clients that have none (any more). */
export const nowhere = '0.0.0.0'

/** For requests that no client has made, and so come from nobody. */
export const injector =
  (app: App): Inject =>
  (request) =>
    inject(app, request, { scheme: request.scheme ?? 'http', address: nowhere })

/** Express gives requests and responses other prototypes; the methods that make these synthetic must outlive that. */
const pin = (object: object, names: readonly string[]): void => {
  for (const name of names)
    Object.defineProperty(object, name, {
      value: Reflect.get(object, name),
      configurable: true,
      writable: true,
    })
}
