import type { Exchange, Reply } from '@millrace/core'
import { bypassReason } from './asking.ts'
import { isOfItself } from './invalidate.ts'
import type { Rule } from './rule.ts'

/**
 * Whether what a `POST` brought is what a `GET` would bring from now on (RFC 9110 section 9.3.3): the reply says so, the
 * operator says nothing else, and what there is of the request is what a `GET` may be kept for.
 */
export const answersGet = (exchange: Exchange, reply: Reply, rule: Rule): boolean =>
  exchange.method === 'POST' &&
  reply.status === 200 &&
  rule.ttl === undefined &&
  // Its handler has seen content that is not in the key.
  !rule.isolate &&
  isOfItself(exchange, reply) &&
  bypassReason({ method: 'GET', headers: withoutContent(exchange) }, rule) === undefined

const withoutContent = ({ headers }: Exchange): Exchange['headers'] => {
  const { 'content-length': _, 'transfer-encoding': __, ...rest } = headers
  return rest
}
