import { isDeepStrictEqual } from 'node:util'
import { searchOf } from '@millrace/core'
import type { ExpressRequest } from './host.ts'

/**
 * The query of a request as Express has parsed it, changed as `after` differs from `before`. What middleware has
 * changed in the rest of it stays: taking parameters away must not undo a sanitiser.
 */
export const queryWith = (req: ExpressRequest, before: string, after: string): object => {
  const query = new Map(Object.entries(req.query))
  const was = parse(req, before)
  const is = parse(req, after)
  for (const [name, value] of was) if (!isDeepStrictEqual(value, is.get(name))) query.delete(name)
  for (const [name, value] of is) if (!isDeepStrictEqual(value, was.get(name))) query.set(name, value)
  return Object.fromEntries(query)
}

const parse = ({ app }: ExpressRequest, url: string): ReadonlyMap<string, unknown> => {
  const parser = app.get('query parser fn')
  const parsed: unknown = typeof parser === 'function' ? parser(searchOf(url).slice(1)) : undefined
  return new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [])
}
