import { ServerResponse } from 'node:http'
import type { HostResponse } from './host.ts'

/** The methods of a response that a capture stands in front of. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'cork' | 'uncork' | 'destroy' | 'flush'

/**
 * What a capture's methods stand in front of: Node's own, or those of middleware further out. Where no capture stands
 * in front, the response itself.
 */
export type Below = Pick<HostResponse, Method>

export const methodsOf = ({
  writeHead,
  write,
  end,
  flushHeaders,
  cork,
  uncork,
  destroy,
  flush,
}: HostResponse): Below => ({
  writeHead,
  write,
  end,
  flushHeaders,
  cork,
  uncork,
  destroy,
  flush,
})

/** Whether nobody but Node will see the call. */
export const isNative = (below: Below, method: 'writeHead' | 'end'): boolean =>
  below[method] === ServerResponse.prototype[method]

export const callBelow = (
  res: HostResponse,
  below: Below,
  method: Method,
  args: readonly unknown[],
): unknown => {
  const target = below[method]
  return target && Reflect.apply(target, res, args)
}

const writers: unique symbol = Symbol('millrace.writers')

declare module './host.ts' {
  interface HostResponse {
    /** How many captures are writing to it at this moment. */
    [writers]?: number
  }
}

/** Runs what writes to the response, so that calls that Node makes on the way are known as real. */
export const writing = <T>(res: HostResponse, task: () => T): T => {
  res[writers] = (res[writers] ?? 0) + 1
  try {
    return task()
  } finally {
    res[writers] -= 1
  }
}

const sealed: unique symbol = Symbol('millrace.sealed')

declare module './host.ts' {
  interface HostResponse {
    /** A layer has answered on it; what else is written to it is late. */
    [sealed]?: true
  }
}

export const markSealed = (res: HostResponse): void => {
  res[sealed] = true
}

export const isSealed = (res: HostResponse): boolean => res[sealed] === true

/** Whether a call on the response is part of sending the real answer, by any capture. */
export const isWriting = (res: HostResponse): boolean => (res[writers] ?? 0) > 0
