import { type Channel, channel, type Exchange } from '@millrace/core'

export type Fault = 'latency' | 'error' | 'abort' | 'garbage'

/** Something was broken on purpose. */
export interface Injected {
  /** The route or the call: `site.name`. */
  readonly at: string
  readonly fault: Fault
  /** Undefined where it was a call. */
  readonly exchange: Exchange | undefined
  /** Milliseconds, of `latency`. */
  readonly latency: number | undefined
}

/** `millrace:chaos:injected` */
export const injected: Channel<Injected> = channel('millrace:chaos:injected')
