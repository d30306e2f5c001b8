import { ServerResponse, STATUS_CODES } from 'node:http'
import type { Reply } from '@millrace/core'
import { type Below, isNative } from './below.ts'
import { addFields, giveFields, writeFields } from './fields.ts'
import type { HostResponse } from './host.ts'
import { hasLength, writeRendered } from './rendered.ts'
import { tryHead } from './validate.ts'

/** RFC 9110 section 6.4.1: these statuses never have content. */
export const isBodyless = (status: number): boolean => status === 204 || status === 304 || status < 200

/** Sends the head of a layer's reply, on top of the fields that stand on the response. */
export const sendHead = (res: HostResponse, below: Below, reply: Reply): void => {
  if (reply.body instanceof Uint8Array && !isBodyless(reply.status) && !hasLength(reply.headers)) {
    reply.headers.set('Content-Length', reply.body.byteLength)
  }
  if (res instanceof ServerResponse && isNative(res, below)) {
    // Nobody but Node looks at the head on its way.
    if (reply.reason !== undefined) res.statusMessage = reply.reason
    writeRendered(res, below.writeHead, reply.status, reply.headers)
  } else {
    addFields(res, reply.headers)
    Reflect.apply(below.writeHead, res, headArgs(reply))
  }
}

/** Puts a changed head on the response, for Node to send with the first byte. */
export const changeHead = (res: HostResponse, reply: Reply): void => {
  res.statusCode = reply.status
  // Without a reason of its own, Node's for the status.
  if (res instanceof ServerResponse) res.statusMessage = reply.reason ?? ''
  writeFields(res, reply.headers)
}

/** What `writeHead` is given when the fields stand on the response. */
export const headArgs = (reply: Reply): readonly unknown[] =>
  reply.reason === undefined ? [reply.status] : [reply.status, reply.reason]

/** The reason phrase, where somebody gave the response one of its own. */
export const ownReason = (res: HostResponse): string | undefined => {
  if (!(res instanceof ServerResponse)) return undefined
  const { statusCode, statusMessage } = res
  return statusMessage === '' || statusMessage === STATUS_CODES[statusCode] ? undefined : statusMessage
}

/**
 * Does what `writeHead(...args)` does but for sending.
 *
 * @returns the fields that it was given
 */
export const takeHead = (res: HostResponse, args: readonly unknown[]): unknown => {
  const [status, second, third] = args
  const given = third ?? (typeof second === 'string' ? undefined : second)
  if (res instanceof ServerResponse) tryHead(res, args)
  else {
    giveFields(res, given)
    res.statusCode = Number(status)
  }
  return given
}
