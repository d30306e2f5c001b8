import type { Socket } from 'node:net'

const guard: unique symbol = Symbol('millrace.guard')

declare module 'node:net' {
  interface Socket {
    /** While an answer on it is held back; null between two. */
    [guard]?: SocketGuard | null
  }
}

/**
 * Keeps a socket from being destroyed by whoever believes that the answer is on the wire already, as Express's final
 * handler does for `res.send('ok'); next()`: bare it is on the wire by then.
 */
export class SocketGuard {
  readonly #socket: Socket
  #deferred: (() => void)[] | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    const known = socket[guard] !== undefined
    socket[guard] = this
    if (!known) intercept(socket)
  }

  defer(destroy: () => void): void {
    this.#deferred ??= []
    this.#deferred.push(destroy)
  }

  /** Lets destruction through, what was put off first; unless somebody else has begun to hold an answer back. */
  release(): void {
    if (this.#socket[guard] === this) this.#socket[guard] = null
    const deferred = this.#deferred
    this.#deferred = undefined
    // In a turn of its own: what has just been written is still corked.
    if (deferred) for (const destroy of deferred) setImmediate(destroy)
  }
}

/** Once for a connection. */
const intercept = (socket: Socket): void => {
  const { destroy } = socket
  const guarded = (error?: Error): Socket => {
    if (socket[guard]) socket[guard].defer(() => guarded(error))
    else destroy.call(socket, error)
    return socket
  }
  socket.destroy = guarded
}
