import { type RequestHeaders, withSearch } from '@millrace/core'
import type { HostRequest } from './host.ts'

/**
 * Gives an object other values for a while.
 *
 * @returns what gives it its own back, but for those that somebody has changed since
 */
export const lend = (object: object, values: Readonly<Record<string, unknown>>): (() => void) => {
  const own = Object.keys(values).map(
    (name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const,
  )
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  return () => {
    for (const [name, before] of own) {
      if (Object.getOwnPropertyDescriptor(object, name)?.value !== values[name]) continue
      if (before) Object.defineProperty(object, name, before)
      else Reflect.deleteProperty(object, name)
    }
  }
}

/**
 * Header fields in the forms in which a request has them. Nothing of the raw lines is kept, not even their case: it
 * may be what is to be hidden. The pseudo-fields of HTTP/2 are the request's own.
 */
export const formsOf = (
  req: HostRequest,
  given: RequestHeaders,
  url: string,
): Readonly<Record<string, unknown>> => {
  const fields = [
    ...Object.entries(req.headers).filter(([name]) => isPseudo(name)),
    ...Object.entries(given).filter(([name]) => !isPseudo(name)),
  ].flatMap(([name, value]) => {
    if (value === undefined) return []
    return [[name, name === ':path' ? withSearch(String(value), url) : value] as const]
  })
  const lines = fields.map(([name, value]) => [name, typeof value === 'string' ? [value] : value] as const)
  return {
    headers: Object.fromEntries(
      fields.map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
    ),
    rawHeaders: lines.flatMap(([name, values]) => values.flatMap((value) => [name, value])),
    // HTTP/2 has not got it.
    ...('headersDistinct' in req && {
      headersDistinct: Object.fromEntries(lines.map(([name, values]) => [name, [...values]])),
    }),
  }
}

const isPseudo = (name: string): boolean => name.startsWith(':')
