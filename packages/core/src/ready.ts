import type { Reply } from './reply.ts'

const known: unique symbol = Symbol('millrace.ready')

/** A promise that carries what it will bring. */
interface Ready<T> extends Promise<T> {
  [known]?: Reply
}

/**
 * A promise of a reply that can also be had without waiting. To layers it is a promise like any other; those that return
 * it as it is let the host answer in the turn in which the request came, which is worth a twentieth of a small answer.
 */
export const ready = (reply: Reply): Promise<Reply> => {
  const promise: Ready<Reply> = Promise.resolve(reply)
  promise[known] = reply
  return promise
}

/** What a promise made by {@link ready} will bring; undefined of any other. */
export const readyReply = <T>(promise: Ready<T>): Reply | undefined => promise[known]
