import { type Channel, channel } from '@millrace/core'

/** Why a batch went when it did: its window was over, it was full, or what waited was asked to finish. */
export type Why = 'window' | 'full' | 'drain'

/** A batch has run, and everybody in it has been told. */
export interface Dispatched {
  readonly name: string
  /** What it was made of, in order. */
  readonly keys: readonly unknown[]
  /** Items. */
  readonly size: number
  readonly why: Why
  /** Milliseconds that the first load of it waited before. */
  readonly wait: number
  /** Milliseconds that it took, with everything that was tried. */
  readonly duration: number
  /** Runs again as a whole, and runs in halves. */
  readonly retries: number
  readonly splits: number
  /** Items that failed, those that came out undefined, and those that nobody waited for any more. */
  readonly errors: number
  readonly misses: number
  readonly abandoned: number
}

/** `millrace:batch:dispatched` */
export const dispatched: Channel<Dispatched> = channel('millrace:batch:dispatched')

/** An item of a batch has its result. */
export interface ItemSettled {
  readonly name: string
  readonly key: unknown
  readonly outcome: 'ok' | 'miss' | 'error'
  readonly error?: unknown
  /** Milliseconds that it waited before its batch went, and from then on. */
  readonly wait: number
  readonly duration: number
  /** The items that it went with, in order, itself among them. */
  readonly keys: readonly unknown[]
}

/** `millrace:batch:item` */
export const itemSettled: Channel<ItemSettled> = channel('millrace:batch:item')

/** Somebody was turned away. */
export interface Refused {
  readonly name: string
  readonly key: unknown
  readonly why: 'full' | 'stopped'
}

/** `millrace:batch:refused` */
export const refused: Channel<Refused> = channel('millrace:batch:refused')
