import type { HostResponse } from './host.ts'

/** What a capture does with the calls on its response. */
export interface Receiver {
  onWriteHead(args: readonly unknown[]): unknown
  onWrite(args: readonly unknown[]): boolean
  onEnd(args: readonly unknown[]): unknown
  onFlushHeaders(): void
  onOther(method: 'flush' | 'destroy' | 'cork' | 'uncork', args: readonly unknown[]): unknown
}

/** All that stands in front of a response. */
interface Front {
  /** The captures, the outermost first. */
  readonly receivers: Receiver[]
  /** How many of them are writing to it at this moment. */
  writers: number
  /** The outermost that has been answered instead of its handler: what comes to it, or further in, is late. */
  sealed: number
}

const front: unique symbol = Symbol('millrace.front')

declare module './host.ts' {
  interface HostResponse {
    [front]?: Front
  }
}

const nobody = Number.POSITIVE_INFINITY

const frontOf = (res: HostResponse): Front => {
  let known = res[front]
  if (known === undefined) {
    known = { receivers: [], writers: 0, sealed: nobody }
    res[front] = known
  }
  return known
}

/** @returns how far in it stands: 1 is the outermost. */
export const addReceiver = (res: HostResponse, receiver: Receiver): number =>
  frontOf(res).receivers.push(receiver)

export const receiverAt = (res: HostResponse, depth: number): Receiver | undefined =>
  res[front]?.receivers[depth - 1]

/** Runs what writes to the response, so that calls that Node makes on the way are known as real. */
export const writing = <T>(res: HostResponse, task: () => T): T => {
  const known = frontOf(res)
  known.writers++
  try {
    return task()
  } finally {
    known.writers--
  }
}

/** Whether a call on the response is part of sending the real answer, by any capture. */
export const isWriting = (res: HostResponse): boolean => (res[front]?.writers ?? 0) > 0

/** @returns whether nobody had sealed it before. */
export const markSealed = (res: HostResponse, depth: number): boolean => {
  const known = frontOf(res)
  const first = known.sealed === nobody
  known.sealed = Math.min(known.sealed, depth)
  return first
}

/** Whether a capture further out than `depth` has been answered instead; of any at all without a depth. */
export const isSealedAround = (res: HostResponse, depth: number = nobody): boolean =>
  (res[front]?.sealed ?? nobody) < depth
