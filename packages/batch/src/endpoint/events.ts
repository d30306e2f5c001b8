import { type Channel, channel, type Exchange } from '@millrace/core'
import type { Format } from './format.ts'

/** A batch of requests has been answered, or its client is gone. */
export interface BatchAnswered {
  readonly exchange: Exchange
  readonly route: string
  readonly format: Format
  /** Requests in it. */
  readonly size: number
  /** Of these, answers of 400 and above. */
  readonly errors: number
  /** Milliseconds. */
  readonly duration: number
}

/** `millrace:batch:answered` */
export const batchAnswered: Channel<BatchAnswered> = channel('millrace:batch:answered')

/** A batch of requests was refused before any of them had begun. */
export interface BatchDenied {
  readonly exchange: Exchange
  readonly route: string
  readonly status: number
  /** In a word: `count`, `nested`, `header`, ... */
  readonly why: string
}

/** `millrace:batch:denied` */
export const batchDenied: Channel<BatchDenied> = channel('millrace:batch:denied')
