import { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { HostResponse } from './host.ts'
import { writeTrailers } from './trailers.ts'

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
): below is Pick<ServerResponse, 'writeHead'> & Below => below.writeHead === writeHead && isUntouched(res)

/** Whether nobody but Node hears of the fields that are set. */
export const isUntouched = (res: ServerResponse): boolean => res.setHeader === setHeader

export const callBelow = (
  res: HostResponse,
  below: Below,
  method: Method,
  args: readonly unknown[],
): unknown => {
  const target = below[method]
  return target && Reflect.apply(target, res, args)
}

const http2End: unknown = Http2ServerResponse.prototype.end

/**
 * Ends what is below. HTTP/2's own `end` writes its chunk by `res.write`, which is the innermost capture's: that would
 * hold it, or count it once more.
 */
export const endBelow = (res: HostResponse, below: Below, args: readonly unknown[]): void => {
  writeTrailers(res)
  const [chunk, encoding] = args
  const apart = below.end === http2End && res instanceof Http2ServerResponse && hasChunk(chunk)
  if (apart && !res.writableEnded && !res.stream.closed)
    callBelow(res, below, 'write', typeof encoding === 'function' ? [chunk] : [chunk, encoding])
  callBelow(res, below, 'end', apart ? args.filter((arg) => typeof arg === 'function') : args)
}

const hasChunk = (chunk: unknown): boolean =>
  chunk !== null && chunk !== undefined && typeof chunk !== 'function'
