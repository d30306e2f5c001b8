import { type Channel, channel, type Exchange } from '@millrace/core'
import type { Coding, DictionaryCoding } from './coding.ts'
import type { Skip } from './policy.ts'
import type { Refusal } from './request-policy.ts'
import type { Strain } from './strain.ts'

/** A reply went out encoded. */
export interface Encoded {
  readonly exchange: Exchange
  readonly route: string
  readonly coding: Coding | DictionaryCoding
  /** Bytes before and after. */
  readonly bytesIn: number
  readonly bytesOut: number
  /**
   * - `work`: it was encoded for this reply
   * - `stream`: the same, as it came. It is told when it is over
   * - `kept`: it lay beside what is cached
   * - `memo`: an equal body was encoded before
   * - `sibling`: it lay beside the file
   */
  readonly source: 'work' | 'stream' | 'kept' | 'memo' | 'sibling'
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

/** The body of a request has been read in the plain, to its end. */
export interface Decoded {
  readonly exchange: Exchange
  readonly route: string
  /** What it was sent in: `gzip`, or several in the order in which they were applied: `gzip, br`. */
  readonly coding: string
  /** Bytes before and after. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Milliseconds from the first read to the last: who sends it, and who reads it, take their time. */
  readonly duration: number
}

/** `millrace:compress:decoded` */
export const decoded: Channel<Decoded> = channel('millrace:compress:decoded')

/** The body of a request was not taken. */
export interface Refused {
  readonly exchange: Exchange
  readonly route: string
  readonly why: Refusal
}

/** `millrace:compress:refused` */
export const refused: Channel<Refused> = channel('millrace:compress:refused')

/** Less is given to compression from now on, or more again. */
export interface StrainChanged {
  /** What is given up: 0 nothing, 1 the level, 2 compression. */
  readonly strain: Strain
  /** The share of the last second that the event loop was busy. */
  readonly utilization: number
}

/** `millrace:compress:strain` */
export const strained: Channel<StrainChanged> = channel('millrace:compress:strain')
