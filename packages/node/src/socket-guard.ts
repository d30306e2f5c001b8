import type { Socket } from 'node:net'

const deferring: unique symbol = Symbol('millrace.deferring')

/** Takes what wants to destroy a socket. */
export type Defer = (destroy: () => void) => void

declare module 'node:net' {
  interface Socket {
    /** Set while an answer on it is held back. */
    [deferring]?: Defer | undefined
  }
}

/**
 * Keeps a socket from being destroyed by whoever believes that the answer is on the wire already, as Express's final
 * handler does for `res.send('ok'); next()`: bare it is on the wire by then.
 */
export const guardSocket = (socket: Socket | null, defer: Defer): void => {
  if (socket === null) return
  const guarded = Object.hasOwn(socket, deferring)
  socket[deferring] = defer
  if (guarded) return
  const { destroy } = socket
  const guardedDestroy = (error?: Error): Socket => {
    if (socket[deferring]) socket[deferring](() => guardedDestroy(error))
    else destroy.call(socket, error)
    return socket
  }
  socket.destroy = guardedDestroy
}

/** Lets destruction through again, unless somebody else has begun to hold an answer back. */
export const unguardSocket = (socket: Socket | null, defer: Defer): void => {
  if (socket?.[deferring] === defer) socket[deferring] = undefined
}
