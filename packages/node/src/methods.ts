import type { Method } from './below.ts'
import { addReceiver, type Receiver, receiverAt } from './front.ts'
import type { HostResponse } from './host.ts'

/** The methods that a capture puts in front of the response's. */
type Methods = Required<Pick<HostResponse, Method>>

/**
 * Puts a capture's methods in front of a response's. They are shared by all captures that stand equally far in: eight
 * functions for each request would cost more than all the rest.
 *
 * @returns how far in it stands: 1 is the outermost
 */
export const installMethods = (res: HostResponse, receiver: Receiver): number => {
  const depth = addReceiver(res, receiver)
  const methods = methodsAt(depth)
  res.writeHead = methods.writeHead
  res.write = methods.write
  res.end = methods.end
  res.flushHeaders = methods.flushHeaders
  res.cork = methods.cork
  res.uncork = methods.uncork
  res.destroy = methods.destroy
  if (res.flush) res.flush = methods.flush
  return depth
}

/** The methods of captures that stand `depth` far in. */
export const methodsAt = (depth: number): Methods => {
  let methods = byDepth[depth]
  if (!methods) {
    methods = makeMethods(depth)
    byDepth[depth] = methods
  }
  return methods
}

const byDepth: Methods[] = []

const makeMethods = (depth: number): Methods => {
  const receiverOf = (res: HostResponse): Receiver => {
    const receiver = receiverAt(res, depth)
    if (!receiver) throw new TypeError('a method of a captured response was called on something else')
    return receiver
  }
  return {
    writeHead(this: HostResponse, ...args: unknown[]) {
      return receiverOf(this).onWriteHead(args)
    },
    write(this: HostResponse, ...args: unknown[]) {
      return receiverOf(this).onWrite(args)
    },
    end(this: HostResponse, ...args: unknown[]) {
      return receiverOf(this).onEnd(args)
    },
    flushHeaders(this: HostResponse) {
      receiverOf(this).onFlushHeaders()
    },
    cork(this: HostResponse) {
      return receiverOf(this).onOther('cork', [])
    },
    uncork(this: HostResponse) {
      return receiverOf(this).onOther('uncork', [])
    },
    destroy(this: HostResponse, ...args: unknown[]) {
      return receiverOf(this).onOther('destroy', args)
    },
    flush(this: HostResponse, ...args: unknown[]) {
      return receiverOf(this).onOther('flush', args)
    },
  }
}
