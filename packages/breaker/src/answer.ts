import { type Exchange, type Layer, problem, type Reply, readyReply } from '@millrace/core'
import { ProtectionError } from './errors.ts'

/**
 * Answers by default for what was rejected or took too long. It need not say `no-store`: no cache keeps a 503 or a 504 that
 * says nothing (RFC 9110 section 15.1). One that said so would not be replaced by what `cache` keeps.
 */
export const rejection = ({ status, retryAfter }: ProtectionError): Reply => {
  const answer = problem(status, titles[status] ?? 'Error')
  // In whole seconds, and not at once (RFC 9110 section 10.2.3).
  if (retryAfter !== undefined) answer.headers.set('Retry-After', Math.max(1, Math.ceil(retryAfter / 1000)))
  return answer
}

const titles: Readonly<Record<number, string>> = { 503: 'Service Unavailable', 504: 'Gateway Timeout' }

/**
 * Makes answers of the errors of this very place. Those of others, of a wrapped call in the handler for example, are the
 * handler's business.
 */
export const answering = (
  at: string,
  inner: Layer<Exchange, Reply>,
  reject: ((error: ProtectionError, exchange: Exchange) => Reply | Promise<Reply>) | undefined,
): Layer<Exchange, Reply> => {
  const answer = async (exchange: Exchange, error: unknown): Promise<Reply> => {
    if (!(error instanceof ProtectionError) || error.at !== at) throw error
    return reject === undefined ? rejection(error) : reject(error, exchange)
  }
  return function breaker(exchange, next) {
    const running = inner(exchange, next)
    return readyReply(running) === undefined
      ? running.catch((error: unknown) => answer(exchange, error))
      : running
  }
}
