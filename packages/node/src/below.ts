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
