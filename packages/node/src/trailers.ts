import { ServerResponse } from 'node:http'
import type { HostResponse } from './host.ts'

const announced: unique symbol = Symbol('millrace.trailers')

declare module './host.ts' {
  interface HostResponse {
    [announced]?: Map<string, () => string>
  }
}

/** Has a field sent behind the body, should the body come in chunks. */
export const announceTrailer = (res: HostResponse, name: string, value: () => string): void => {
  res[announced] ??= new Map()
  res[announced].set(name, value)
}

/** Right before the end: Node sends with it what it has been given by then. */
export const writeTrailers = (res: HostResponse): void => {
  const fields = res[announced]
  if (fields === undefined || !res.headersSent) return
  delete res[announced]
  if (res instanceof ServerResponse && !takesTrailers(res)) return
  res.addTrailers(Object.fromEntries([...fields].map(([name, value]) => [name, value()])))
}

/** Node forgets what the handler has added for what is added later. */
const takesTrailers = (res: ServerResponse): boolean =>
  res.chunkedEncoding && !('_trailer' in res && res._trailer !== '')
