import { type Channel, channel } from '@millrace/core'

/** How far the work on a list is. */
export interface Progress {
  readonly name: string
  /** Items in it, where that is known before. */
  readonly total: number | undefined
  /** Items that were done, and those that failed. */
  readonly done: number
  readonly failed: number
  /** Items that are being worked on. */
  readonly running: number
  /** Calls of the worker that were given up, and have not come back. */
  readonly hanging: number
  /** Runs of the worker after the first, with the same items, and with halves of them. */
  readonly retries: number
  readonly splits: number
  /** How many items a run takes just now. */
  readonly size: number
  /** Every item before this position has been done or has failed: from there another run goes on. */
  readonly cursor: number
  /** Milliseconds since it began. */
  readonly duration: number
  /** Whether it is over: nothing more comes. */
  readonly isOver: boolean
}

/** `millrace:batch:progress`: ten times a second at most, and when it is over. */
export const progressed: Channel<Progress> = channel('millrace:batch:progress')
