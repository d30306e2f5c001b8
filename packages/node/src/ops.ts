import { flushPoint } from '@millrace/core'
import type { Method } from './below.ts'
import { toBytes } from './bytes.ts'
import type { HostResponse } from './host.ts'

/** A call of the handler's that is kept until the layers have returned. */
export interface Op {
  readonly method: Method
  readonly args: readonly unknown[]
}

/** The data given to `end(chunk?, encoding?, callback?)`. */
export const chunkOf = ([chunk]: readonly unknown[]): unknown =>
  typeof chunk === 'function' || chunk === null || chunk === undefined || chunk === '' ? undefined : chunk

export const callbackOf = (args: readonly unknown[]): (() => void) | undefined => {
  const callback = args.findLast((arg) => typeof arg === 'function')
  return typeof callback === 'function' ? () => callback() : undefined
}

/** The body of an answer that is nothing but an `end`; undefined of any other. */
export const wholeOf = (ops: readonly Op[]): Uint8Array | null | undefined => {
  const only = ops.find(({ method }) => method !== 'writeHead')
  if (only?.method !== 'end') return undefined
  const chunk = chunkOf(only.args)
  return chunk === undefined ? null : toBytes(chunk, only.args[1])
}

/** What a `write` or a `flush` adds to the body. */
export const bytesOf = ({ method, args }: Op): Uint8Array =>
  method === 'flush' ? flushPoint : toBytes(args[0], args[1])

/** Whether the call sends the head by itself: `flushHeaders`, or an empty write. */
export const isFlush = ({ method, args: [chunk] }: Op): boolean =>
  method === 'flushHeaders' ||
  (method === 'write' && (chunk === '' || (chunk instanceof Uint8Array && chunk.byteLength === 0)))

/** The calls up to the end, and those after it. */
export const aroundEnd = (ops: readonly Op[]): readonly [whole: readonly Op[], after: readonly Op[]] => {
  const end = ops.findIndex(({ method }) => method === 'end')
  return end < 0 ? [ops, []] : [ops.slice(0, end + 1), ops.slice(end + 1)]
}

/** Tells whoever waits for calls that nobody will make that they are done. */
export const comfort = (res: HostResponse, ops: readonly Op[]): void => {
  for (const { method, args } of ops) {
    const callback = callbackOf(args)
    if (!callback) continue
    if (method === 'end' && !res.writableFinished) res.once('finish', callback)
    else process.nextTick(callback)
  }
}
