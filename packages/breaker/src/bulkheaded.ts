import type { Clock, Handler } from '@millrace/core'
import type { Bulkhead, Entry } from './bulkhead.ts'
import type { BulkheadRule } from './bulkhead-rule.ts'
import { BulkheadFullError, TimeoutError } from './errors.ts'
import { type Held, held } from './events.ts'
import type { Kind, Strategy } from './strategy.ts'

export interface BulkheadParts<I> {
  /** The route or the call: `site.name`. */
  readonly at: string
  readonly kind: Kind<I>
  readonly clock: Clock
  /** One for all that go by one name. */
  readonly bulkhead: Bulkhead
}

/**
 * Lets in as much work as may be at once. The place is given back when the work is over: with the output, and of a route
 * with the last byte.
 */
export const bulkheaded = <I>(
  { priority }: BulkheadRule<I>,
  { at, kind, clock, bulkhead }: BulkheadParts<I>,
): Strategy<I> => {
  const leave = (): void => bulkhead.leave()

  return function bulkheaded<O>(input: I, next: Handler<I, O>): Promise<O> {
    return bulkhead.tryEnter() ? work(input, next) : queued(input, next)
  }

  function work<O>(input: I, next: Handler<I, O>): Promise<O> {
    const began = clock.elapsed()
    let running: Promise<O>
    try {
      running = next(input)
    } catch (error) {
      end(input)
      return Promise.reject(error)
    }
    const output = kind.known(running)
    if (output === undefined) return watched(running, input, began)
    if (!kind.isFailure(output)) bulkhead.record(clock.elapsed() - began)
    end(input)
    return running
  }

  async function watched<O>(running: Promise<O>, input: I, began: number): Promise<O> {
    try {
      const output = await running
      // A failure may be quick: it says nothing about how long work takes.
      if (!kind.isFailure(output)) bulkhead.record(clock.elapsed() - began)
      return output
    } catch (error) {
      if (error instanceof TimeoutError) bulkhead.record(clock.elapsed() - began)
      throw error
    } finally {
      end(input)
    }
  }

  function end(input: I): void {
    const over = kind.over(input)
    if (over === undefined) leave()
    else void over.then(leave)
  }

  async function queued<O>(input: I, next: Handler<I, O>): Promise<O> {
    const began = clock.elapsed()
    let reason: unknown
    const entry = await bulkhead.wait(priorityOf(input), (listener) =>
      kind.watch(input, (why) => {
        reason = why
        listener()
      }),
    )
    tell(entry, input, clock.elapsed() - began)
    if (entry === 'in') return work(input, next)
    if (entry === 'gone') throw reason
    throw new BulkheadFullError(at, bulkhead.retryAfter)
  }

  /** What cannot tell is no reason to fail. */
  function priorityOf(input: I): number {
    if (priority === undefined) return 0
    try {
      const said: unknown = priority(input)
      return typeof said === 'number' && !Number.isNaN(said) ? said : 0
    } catch {
      return 0
    }
  }

  function tell(entry: Entry, input: I, wait: number): void {
    if (!held.hasSubscribers) return
    const { active, waiting } = bulkhead
    const outcome: Held['outcome'] = entry === 'in' ? 'waited' : entry
    held.publish({ at, exchange: kind.exchangeOf(input), outcome, wait, active, waiting })
  }
}
