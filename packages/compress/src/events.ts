import { type Channel, channel, type Exchange } from '@millrace/core'
import type { Coding } from './coding.ts'
import type { Skip } from './policy.ts'
import type { Strain } from './strain.ts'

/** A reply went out encoded. */
export interface Encoded {
  readonly exchange: Exchange
  readonly route: string
  readonly coding: Coding
  /** Bytes before and after. */
  readonly bytesIn: number
  readonly bytesOut: number
  /**
   * - `work`: it was encoded for this reply
   * - `stream`: the same, as it came. It is told when it is over
   * - `kept`: it lay beside what is cached
   * - `memo`: an equal body was encoded before
   */
  readonly source: 'work' | 'stream' | 'kept' | 'memo'
  /** Milliseconds that the reply waited for it; 0 of a stream, which does not. */
  readonly duration: number
}

/** `millrace:compress:encoded` */
export const encoded: Channel<Encoded> = channel('millrace:compress:encoded')

/** A reply went out as it was. */
export interface Skipped {
  readonly exchange: Exchange
  readonly route: string
  readonly why: Skip
}

/** `millrace:compress:skipped` */
export const skipped: Channel<Skipped> = channel('millrace:compress:skipped')

/** Less is given to compression from now on, or more again. */
export interface StrainChanged {
  /** What is given up: 0 nothing, 1 the level, 2 compression. */
  readonly strain: Strain
  /** The share of the last second that the event loop was busy. */
  readonly utilization: number
}

/** `millrace:compress:strain` */
export const strained: Channel<StrainChanged> = channel('millrace:compress:strain')
