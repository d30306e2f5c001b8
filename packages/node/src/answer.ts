import type { Reply } from '@millrace/core'
import { type Below, endBelow } from './below.ts'
import { onDrain } from './drains.ts'
import { isBodyless, sendHead } from './head.ts'
import type { HostResponse } from './host.ts'
import { pump } from './pump.ts'

/** Sends a layer's reply on a response that nobody has written to. */
export const answer = (res: HostResponse, reply: Reply, head: boolean): void => {
  const rest = answerThrough(res, res, reply, head)
  if (!rest) return
  void pump(rest, res, {
    write: (bytes) => res.write(bytes),
    flush: () => void res.flush?.(),
    end: () => endBelow(res, res, []),
    fail: (error) => void res.destroy(error),
    // Nobody is further in: the handler does not run.
    onDrain: (wake) => onDrain(res, Number.POSITIVE_INFINITY, res.on, wake),
  })
}

/**
 * Sends the head, and the body too when it is there as a whole.
 *
 * @returns the body when it is still to be sent
 */
export const answerThrough = (
  res: HostResponse,
  below: Below,
  reply: Reply,
  head: boolean,
): AsyncIterable<Uint8Array> | undefined => {
  sendHead(res, below, reply)
  const body = head || isBodyless(reply.status) ? null : reply.body
  if (body !== null && !(body instanceof Uint8Array)) return body
  endBelow(res, below, body === null ? [] : [body])
  return undefined
}
