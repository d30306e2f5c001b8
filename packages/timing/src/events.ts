import { type Channel, channel } from '@millrace/core'

/** One finished exchange. Durations in milliseconds, from when the request reached the plugin. */
export interface ExchangeTimed {
  readonly method: string
  /** The host's route pattern, or the table's: never the raw path. */
  readonly route: string
  /** 0 when the handler threw, or the client left, before there was a reply. */
  readonly status: number
  /** Until the head was known; undefined when it never was. */
  readonly head: number | undefined
  /** Until the last byte was handed over, or the connection was gone. */
  readonly total: number
  /** Body bytes. */
  readonly bytes: number
  /** The client left before it had everything. */
  readonly aborted: boolean
  /** A 5xx reply, or a thrown error. */
  readonly failed: boolean
}

/** `millrace:timing:exchange` */
export const exchangeTimed: Channel<ExchangeTimed> = channel('millrace:timing:exchange')

/** One finished call of a wrapped function. */
export interface CallTimed {
  readonly name: string
  /** Milliseconds until it settled. */
  readonly total: number
  /** It threw. */
  readonly failed: boolean
}

/** `millrace:timing:call` */
export const callTimed: Channel<CallTimed> = channel('millrace:timing:call')
