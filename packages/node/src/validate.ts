import { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { HostResponse } from './host.ts'

const nobody = new IncomingMessage(new Socket())

/** Throws what Node's `write(chunk, encoding)` would throw. */
export const checkChunk = (chunk: unknown, encoding: unknown): void => {
  if (typeof chunk !== 'string') {
    if (!(chunk instanceof Uint8Array)) new OutgoingMessage().write(chunk)
  } else if (typeof encoding === 'string' && !Buffer.isEncoding(encoding))
    Reflect.apply(Buffer.from, Buffer, [chunk, encoding])
}

/**
 * Does all that Node's `writeHead(...args)` does, checks, merged fields and half-done work of a call that throws
 * included, but for rendering the head (1 us).
 */
export const tryHead = (res: ServerResponse, args: readonly unknown[]): void => {
  const view: ServerResponse = Object.create(res, {
    _storeHeader: {
      value: (statusLine: string, fields: unknown) => {
        const scratch = new ServerResponse(nobody)
        scratch.useChunkedEncodingByDefault = res.useChunkedEncodingByDefault
        // Those that stand were checked when they were set.
        scratch._storeHeader(statusLine, res.getHeaderNames().length > 0 ? undefined : copyOf(fields))
      },
    },
  })
  try {
    Reflect.apply(ServerResponse.prototype.writeHead, view, args)
  } finally {
    res.statusCode = view.statusCode
    res.statusMessage = view.statusMessage
  }
}

/** Node changes lists of values in place (`Content-Disposition` becomes bytes). */
const copyOf = (fields: unknown): unknown => {
  if (Array.isArray(fields)) return fields.map((each) => (Array.isArray(each) ? [...each] : each))
  if (typeof fields !== 'object' || fields === null) return fields
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]),
  )
}

/** Throws what Node would throw for the status and the reason that stand on the response when the head is due. */
export const checkStanding = (res: HostResponse): void => {
  if (!(res instanceof ServerResponse)) return
  const { statusCode, statusMessage } = res
  if (!(statusCode >= 100 && statusCode <= 999) || statusMessage) tryHead(res, [statusCode])
}

/** What Node does on a write after the end: an 'error' event, and the error for the callback; HTTP/2 has no event. */
export const writeAfterEnd = (res: HostResponse, args: readonly unknown[]): void => {
  const scratch = new ServerResponse(nobody)
  scratch.end()
  scratch.on('error', (error) => {
    if (res instanceof ServerResponse && !res.destroyed) res.emit('error', error)
  })
  Reflect.apply(scratch.write, scratch, args)
}
