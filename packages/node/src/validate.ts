import { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { HostResponse } from './host.ts'

const nobody = new IncomingMessage(new Socket())

/** Throws what Node's `write(chunk)` would throw. */
export const checkChunk = (chunk: unknown): void => {
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) new OutgoingMessage().write(chunk)
}

/** Throws what Node's `writeHead(...args)` would throw, by doing it on a response that nobody gets (0.5 us). */
export const checkHead = (args: readonly unknown[]): void => {
  const scratch = new ServerResponse(nobody)
  Reflect.apply(scratch.writeHead, scratch, args)
}

/** Throws what Node would throw for the status and the reason that stand on the response when the head is due. */
export const checkStanding = (res: HostResponse): void => {
  if (!(res instanceof ServerResponse)) return
  const { statusCode, statusMessage } = res
  if (!(statusCode >= 100 && statusCode <= 999)) checkHead([statusCode])
  else if (statusMessage) checkHead([statusCode, statusMessage])
}

/** What Node does on a write after the end: an 'error' event, and the error for the callback. */
export const writeAfterEnd = (res: HostResponse, args: readonly unknown[]): void => {
  const scratch = new ServerResponse(nobody)
  scratch.end()
  scratch.on('error', (error) => res.emit('error', error))
  Reflect.apply(scratch.write, scratch, args)
}
