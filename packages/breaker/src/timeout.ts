import type { Clock, Deadlines, Handler } from '@millrace/core'
import { TimeoutError } from './errors.ts'
import { Limit } from './limit.ts'
import type { Kind } from './strategy.ts'

export interface TimeoutTerms<I> {
  readonly kind: Kind<I>
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** The route or the call. */
  readonly at: string
  /** Milliseconds at most. */
  readonly limit: number
  /** How long the caller waits, in milliseconds, where that can be shorter. */
  readonly leftOf: ((input: I) => number) | undefined
  readonly late: (input: I, limit: number) => void
}

/** Waits no longer than the deadline; the work is then told to stop, and what comes of it is nobody's business. */
export class Timeout<I> {
  readonly #terms: TimeoutTerms<I>

  constructor(terms: TimeoutTerms<I>) {
    this.#terms = terms
  }

  run<O>(input: I, next: Handler<I, O>): Promise<O> {
    const { kind, clock, deadlines, at, limit: own, leftOf, late } = this.#terms
    const left = leftOf === undefined ? own : leftOf(input)
    const most = Math.min(left, own)
    const limit = new Limit()
    const stop = (): TimeoutError => {
      const error = new TimeoutError(at, most, left < own)
      late(input, most)
      limit.abort(error)
      return error
    }
    // Its time was over before it came.
    if (most <= 0) return Promise.reject(stop())
    const until = clock.elapsed() + most
    const running = next(kind.limited(input, limit))
    if (most === Number.POSITIVE_INFINITY || kind.known(running) !== undefined) return running
    return new Promise((resolve, reject) => {
      let unwatch: (() => void) | undefined
      const end = (): boolean => {
        unwatch?.()
        return deadlines.end(wait)
      }
      const wait = deadlines.begin(until, () => {
        unwatch?.()
        reject(stop())
      })
      // Who ends it from outside waits no longer, and this deadline need not come.
      if (!kind.endsByItself(input))
        unwatch = kind.watch(input, (reason) => {
          if (end()) reject(reason)
        })
      running.then(
        (output) => {
          if (end()) resolve(output)
        },
        (error: unknown) => {
          if (end()) reject(error)
        },
      )
    })
  }
}
