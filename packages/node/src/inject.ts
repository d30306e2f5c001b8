import { IncomingMessage, ServerResponse } from 'node:http'
import { type Inject, type Reply, type SyntheticRequest, sameName } from '@millrace/core'
import type { HostRequest, HostResponse } from './host.ts'
import { SyntheticSocket } from './synthetic-socket.ts'

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
 * Sends a request through an app without a connection. Resolves when the head is known; the body is bytes where all of it
 * is there by then, else a stream. Who stops reading it ends the request.
 *
 * @param from where the app is to take it to have come from: `https` looks like TLS
 * @throws what `request.signal` was aborted with, as a rejection; BrokenResponseError where the response is destroyed
 */
export const inject = async (app: App, request: SyntheticRequest, from: Origin): Promise<Reply> => {
  const { signal } = request
  signal?.throwIfAborted()
  const socket = new SyntheticSocket(from.address, from.scheme === 'https')
  const req = requestOver(socket, request)
  const res = responseOver(socket, req)
  const abort = (): void => void socket.destroy(signal?.reason)
  signal?.addEventListener('abort', abort)
  const close = (): void => {
    signal?.removeEventListener('abort', abort)
    if (!res.writableFinished) req.destroy()
    else if (req.readableFlowing === null) req.resume()
  }
  socket.once('close', close)
  app.handle(req, res)
  return socket.reply()
}

/** As Node's parser sees a request. */
interface Parsed extends HostRequest {
  /** Each form of the fields is made when it is first asked for. */
  _addHeaderLines(fields: readonly string[], count: number): void
}

const requestOver = (socket: SyntheticSocket, request: SyntheticRequest): IncomingMessage & HostRequest => {
  const { method = 'GET', url, headers = {}, body } = request
  const req: IncomingMessage & Parsed = Reflect.construct(IncomingMessage, [socket])
  req.method = method
  req.url = url
  req.httpVersionMajor = 1
  req.httpVersionMinor = 1
  req.httpVersion = '1.1'
  const fields: string[] = []
  let hasHost = false
  let hasLength = body === undefined || body.byteLength === 0
  for (const name in headers) {
    fields.push(name, headers[name] ?? '')
    hasHost ||= sameName(name, 'host')
    hasLength ||= sameName(name, 'content-length')
  }
  if (!hasHost) fields.push('host', 'localhost')
  if (!hasLength) fields.push('content-length', String(body?.byteLength))
  req._addHeaderLines(fields, fields.length)
  if (body !== undefined && body.byteLength > 0) req.push(body)
  req.push(null)
  req.complete = true
  req[cause] = request.cause
  return req
}

const responseOver = (socket: SyntheticSocket, req: IncomingMessage): ServerResponse => {
  const res = new ServerResponse(req)
  // Makes Node keep all fields where they can be read; those of a `writeHead` alone it writes and forgets.
  res.setHeader('x', '')
  res.removeHeader('x')
  socket.carry(res)
  return res
}

/** The address of nobody, for clients that have none (any more). */
export const nowhere = '0.0.0.0'

/** For requests that no client has made, and so come from nobody. */
export const injector =
  (app: App): Inject =>
  (request) =>
    inject(app, request, { scheme: request.scheme ?? 'http', address: nowhere })
