import { ServerResponse } from 'node:http'
import type { HostResponse } from './host.ts'

/** The methods of a response that a capture stands in front of. */
export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'cork' | 'uncork' | 'destroy' | 'flush'

/**
 * What a capture's methods stand in front of: Node's own, or those of middleware further out. Where no capture stands
 * in front, the response itself.
 */
export type Below = Pick<HostResponse, Method | 'on'>

export const methodsOf = ({
  writeHead,
  write,
  end,
  flushHeaders,
  cork,
  uncork,
  destroy,
  flush,
  on,
}: HostResponse): Below => ({
  writeHead,
  write,
  end,
  flushHeaders,
  cork,
  uncork,
  destroy,
  flush,
  on,
})

const { writeHead, setHeader } = ServerResponse.prototype

/** Whether nobody but Node will see how a head is written. */
export const isNative = (
  res: ServerResponse,
  below: Below,
): below is Pick<ServerResponse, 'writeHead'> & Below =>
  below.writeHead === writeHead && res.setHeader === setHeader

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

const captures: unique symbol = Symbol('millrace.captures')
const sealed: unique symbol = Symbol('millrace.sealed')

declare module './host.ts' {
  interface HostResponse {
    /** How many captures stand in front of it. */
    [captures]?: number
    /** The outermost capture that has been answered instead of its handler: what comes to it, or further in, is late. */
    [sealed]?: number
  }
}

/** @returns how far in a new capture stands: 1 is the outermost. */
export const deepen = (res: HostResponse): number => {
  res[captures] = (res[captures] ?? 0) + 1
  return res[captures]
}

/** @returns whether nobody had sealed it before. */
export const markSealed = (res: HostResponse, depth: number): boolean => {
  const first = res[sealed] === undefined
  res[sealed] = Math.min(res[sealed] ?? depth, depth)
  return first
}

/** Whether a capture further out than `depth` has been answered instead. */
export const isSealedAround = (res: HostResponse, depth: number): boolean => (res[sealed] ?? depth) < depth

/** Whether a call on the response is part of sending the real answer, by any capture. */
export const isWriting = (res: HostResponse): boolean => (res[writers] ?? 0) > 0
