import type { Exchange, Handler } from '@millrace/core'
import type { Limit } from './limit.ts'

/** A layer for work of one kind, whatever comes out of it. */
export type Strategy<I> = <O>(input: I, next: Handler<I, O>) => Promise<O>

/** What a strategy has to know of a kind of work. Routes (`Exchange`) and calls (`Call`) have one each. */
export interface Kind<I> {
  /** The same work under a limit of its own as well. The signal is made when somebody asks for it. */
  limited(input: I, limit: Limit): I
  /**
   * Calls `listener` once, when nobody waits for the output any more; at once where that is so already.
   *
   * @returns what ends the listening: call it when the work is over, as the input may live longer
   */
  watch(input: I, listener: (reason: unknown) => void): () => void
  /**
   * Whether nobody can end the work from outside, or what it was handed on to ends then as well. Who waits for that
   * alone need not watch.
   */
  endsByItself(input: I): boolean
  /** When the work is over, where it is not with the output: of a route, with the last byte. */
  over(input: I): Promise<unknown> | undefined
  /** Of an output that is still on its way: whether it broke off on this side; undefined where nothing is. */
  rest(input: I, output: unknown): Promise<boolean> | undefined
  /** What a promise will bring, where that can be told without waiting; else undefined. */
  known(running: Promise<unknown>): unknown
  /** For events. */
  exchangeOf(input: I): Exchange | undefined
  /** Whether an output that is no error is a failure all the same. */
  isFailure(output: unknown): boolean
  /** How long the other side asks to wait, in milliseconds (`Retry-After`), by an output or an error; else undefined. */
  retryAfter(outcome: unknown, now: number): number | undefined
}
