import { type Channel, channel, type Exchange } from '@millrace/core'

/**
 * How an exchange or a call ended.
 *
 * - `ok`: a 4xx answer is one as well.
 * - `error`: a 5xx answer but for those below, or none, or one that broke off on this side.
 * - `aborted`: the client left before it had everything; a call's signal was aborted.
 * - `timeout`: 504, or a call that failed with a `TimeoutError` or `DeadlineError`.
 * - `rejected`: 429 or 503: it was not let in.
 */
export type Ended = 'ok' | 'error' | 'aborted' | 'timeout' | 'rejected'

/** One finished exchange. Durations in milliseconds, from when the request reached the plugin. */
export interface ExchangeTimed {
  readonly exchange: Exchange
  readonly method: string
  /** The host's route pattern, or the table's: never the raw path. */
  readonly route: string
  /** As it was sent; 0 when nothing was. */
  readonly status: number
  readonly outcome: Ended
  /** Until the head was known; undefined when it never was. */
  readonly head: number | undefined
  /** Until the last byte was handed over, or the connection was gone. */
  readonly total: number
  /** Body bytes of the reply. */
  readonly bytes: number
  /** Body bytes of the request by its `Content-Length`; 0 without a body, undefined when it does not tell. */
  readonly requestBytes: number | undefined
  /** In seconds, where the rule has buckets of its own. */
  readonly buckets: readonly number[] | undefined
}

/** `millrace:timing:exchange` */
export const exchangeTimed: Channel<ExchangeTimed> = channel('millrace:timing:exchange')

/** One finished call of a wrapped function. */
export interface CallTimed {
  readonly name: string
  readonly outcome: Ended
  /** Milliseconds until it settled. */
  readonly total: number
  /** The name of the error that it threw; empty when it did not. */
  readonly errorType: string
  /** What the rule made of its arguments; empty when it does not. */
  readonly label: string
  /** What the process used meanwhile, all that ran beside it included; for the calls that are sampled. */
  readonly used: { readonly cpu: number; readonly memory: number } | undefined
  readonly buckets: readonly number[] | undefined
}

/** `millrace:timing:call` */
export const callTimed: Channel<CallTimed> = channel('millrace:timing:call')
