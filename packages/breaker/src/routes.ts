import { type Body, derive, type Exchange, failed, type Reply, readyReply } from '@millrace/core'
import { retryAfterOf } from './retry-after.ts'
import type { Kind } from './strategy.ts'

/** Those that somebody may end before their client is gone. */
const ended = new WeakSet<Exchange>()

/** What strategies know of routes. */
export const routes: Kind<Exchange> = {
  limited(exchange, limit) {
    const derived = derive(exchange, { signal: () => AbortSignal.any([exchange.signal, limit.signal]) })
    ended.add(derived)
    return derived
  },
  watch({ signal }, listener) {
    const abort = (): void => listener(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    return () => signal.removeEventListener('abort', abort)
  },
  // A handler's promise rejects when the client is gone.
  endsByItself: (exchange) => !ended.has(exchange),
  over: (exchange) => exchange.done,
  rest: (exchange, output) =>
    isReply(output) && isStream(output.body) ? exchange.done.then(({ broken }) => broken) : undefined,
  known: readyReply,
  exchangeOf: (exchange) => exchange,
  isFailure: (output) => isReply(output) && failed(output),
  retryAfter: retryAfterOf,
}

/** The same where there is one deadline, and it is the end: the answer that follows aborts the signal as well. */
export const answered: Kind<Exchange> = { ...routes, limited: (exchange) => exchange }

export const isReply = (output: unknown): output is Reply =>
  typeof output === 'object' && output !== null && 'status' in output && 'body' in output

const isStream = (body: Body): boolean => body !== null && !(body instanceof Uint8Array)
