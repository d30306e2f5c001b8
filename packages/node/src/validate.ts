import { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

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
