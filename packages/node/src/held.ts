import { ServerResponse, STATUS_CODES } from 'node:http'
import type { HostResponse } from './host.ts'

declare module 'node:http' {
  interface OutgoingMessage {
    /** Node's rendered head; non-null is what Node's own methods and much middleware take for "head sent". */
    _header: string | null
    /** Whether somebody has removed the field `Transfer-Encoding`: Node then sends no chunks on its own. */
    _removedTE: boolean
  }
}

const held = 'held'

/**
 * While layers look at a reply nothing has been sent, but everybody who looks at the response sees what they would
 * see had it been: `headersSent`, `writableEnded`, and header methods that throw.
 */
export const hold = (res: HostResponse, ended: boolean): void => {
  if (res instanceof ServerResponse) {
    // Node derives all of it from these two fields, so nothing has to be overridden.
    res._header ??= held
    res.finished = ended
    res.statusCode |= 0
  } else Object.defineProperties(res, ended ? sentAndEnded : sent)
}

/** Node's own reason for the status, where there is no other. */
const giveReason = (res: HostResponse): void => {
  if (res instanceof ServerResponse) res.statusMessage ||= STATUS_CODES[res.statusCode | 0] ?? 'unknown'
}

/** Back to the state in which Node's own methods can write. */
export const unhold = (res: HostResponse): void => {
  if (res instanceof ServerResponse) {
    if (res._header === held) res._header = null
    res.finished = false
  } else for (const name of Object.keys(sentAndEnded)) Reflect.deleteProperty(res, name)
}

/** The status and the reason that stand on a response; HTTP/2 has no reasons, and warns of being asked for one. */
export interface Standing {
  readonly statusCode: number
  readonly statusMessage: string | undefined
}

export const standingOf = (res: HostResponse): Standing => ({
  statusCode: res.statusCode,
  statusMessage: res instanceof ServerResponse ? res.statusMessage : undefined,
})

/** The same once the head is due, with Node's own reason where none was given. */
export const standingBy = (res: HostResponse, given: string | undefined): Standing => {
  if (given === undefined) giveReason(res)
  return standingOf(res)
}

export const stand = (res: HostResponse, { statusCode, statusMessage }: Standing): void => {
  res.statusCode = statusCode
  if (statusMessage !== undefined) res.statusMessage = statusMessage
}

/** The handler is done writing, while a layer's version of its body is still on the way. */
export const showEnded = (res: HostResponse): void => {
  Object.defineProperty(res, 'writableEnded', yes)
}

/** Whether a head has really been written, past the capture or through it. */
export const headWritten = (res: HostResponse): boolean =>
  res instanceof ServerResponse
    ? res._header !== null && res._header !== held
    : res.headersSent && !Object.hasOwn(res, 'headersSent')

/** What Node throws when the head is changed after it was sent. */
export class HeadersSentError extends Error {
  readonly code: string

  constructor(res: HostResponse) {
    super(
      res instanceof ServerResponse
        ? 'Cannot write headers after they are sent to the client'
        : 'Response has already been initiated.',
    )
    this.code = res instanceof ServerResponse ? 'ERR_HTTP_HEADERS_SENT' : 'ERR_HTTP2_HEADERS_SENT'
  }
}

function refuse(this: HostResponse): never {
  throw new HeadersSentError(this)
}

const yes: PropertyDescriptor = { get: () => true, configurable: true }
const refusing: PropertyDescriptor = { value: refuse, configurable: true, writable: true }
const nothing: PropertyDescriptor = { value: () => false, configurable: true, writable: true }
const sent: PropertyDescriptorMap = {
  writeContinue: nothing,
  writeEarlyHints: nothing,
  writeInformation: nothing,
  headersSent: yes,
  setHeader: refusing,
  appendHeader: refusing,
  removeHeader: refusing,
}
const sentAndEnded: PropertyDescriptorMap = { ...sent, writableEnded: yes, finished: yes }
