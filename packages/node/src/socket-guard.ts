import { Socket } from 'node:net'

const deferring: unique symbol = Symbol('millrace.deferring')

declare module 'node:net' {
  interface Socket {
    /** Takes what would destroy the socket, while an answer on it is held back. */
    [deferring]?: ((destroy: () => void) => void) | undefined
  }
}

/**
 * Keeps a socket from being destroyed by whoever believes that the answer is on the wire already, as Express's final
 * handler does for `res.send('ok'); next()`: bare it is on the wire by then.
 *
 * @param defer is given what would have destroyed it; undefined lets destruction through again
 */
export const guardSocket = (socket: unknown, defer: ((destroy: () => void) => void) | undefined): void => {
  if (!(socket instanceof Socket)) return
  const guarded = Object.hasOwn(socket, deferring)
  socket[deferring] = defer
  if (guarded) return
  const { destroy } = socket
  const guardedDestroy = (error?: Error): Socket => {
    const real = (): void => void destroy.call(socket, error)
    if (socket[deferring]) socket[deferring](real)
    else real()
    return socket
  }
  socket.destroy = guardedDestroy
}
