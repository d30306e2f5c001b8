import { type Channel, channel, type Exchange } from '@millrace/core'
import type { State } from './policy.ts'

/** What an event of one piece of work says. */
export interface At {
  /** The route or the call: `site.name`. */
  readonly at: string
  /** Undefined where it was a call. */
  readonly exchange: Exchange | undefined
}

/** A circuit is in another state from now on. */
export interface StateChanged {
  /** The circuit's name. */
  readonly breaker: string
  /** Of a circuit with keys; else empty. */
  readonly key: string
  readonly from: State
  readonly to: State
  readonly why: Why
  /** Milliseconds until the next try; undefined unless it opened. */
  readonly retryAfter: number | undefined
}

/**
 * - `ratio`, `slow`, `consecutive`: what tripped it
 * - `probe`: a probe failed, or enough went well
 * - `due`: the time to wait is over
 * - `operator`: somebody said so
 * - `votes`: other processes said so
 */
export type Why = 'ratio' | 'slow' | 'consecutive' | 'probe' | 'due' | 'operator' | 'votes'

/** `millrace:breaker:state` */
export const stateChanged: Channel<StateChanged> = channel('millrace:breaker:state')

/** A circuit has let nobody through. */
export interface Rejected extends At {
  readonly breaker: string
  readonly key: string
  readonly retryAfter: number | undefined
}

/** `millrace:breaker:rejected` */
export const rejected: Channel<Rejected> = channel('millrace:breaker:rejected')

/** A deadline has come. */
export interface TimedOut extends At {
  readonly scope: 'attempt' | 'total'
  /** Milliseconds. */
  readonly limit: number
}

/** `millrace:breaker:timeout` */
export const timedOut: Channel<TimedOut> = channel('millrace:breaker:timeout')

/** Other processes can be asked about their circuits again, or cannot any more: then each decides alone. */
export interface VotesReached {
  readonly reachable: boolean
  readonly error?: unknown
}

/** `millrace:breaker:votes` */
export const voted: Channel<VotesReached> = channel('millrace:breaker:votes')

/** An attempt of a call has failed in a way that another one may mend. */
export interface Retried {
  /** The call: `site.name`. */
  readonly at: string
  /** The number of the attempt that failed, from 1. */
  readonly attempt: number
  /**
   * - `again`: there will be another
   * - `attempts`: there were as many as may be
   * - `budget`: too large a share of the calls has been attempted again
   * - `deadline`: nobody would wait for the next
   * - `asked`: the other side asks to wait longer than the rule does
   * - `arguments`: they cannot be used twice
   */
  readonly decision: 'again' | 'attempts' | 'budget' | 'deadline' | 'asked' | 'arguments'
  /** Milliseconds until the next attempt; undefined where there is none. */
  readonly wait: number | undefined
  /** Undefined where a result was the failure. */
  readonly error: unknown
}

/** `millrace:breaker:retry` */
export const retried: Channel<Retried> = channel('millrace:breaker:retry')

/** A call has taken so long that it may be made once more. */
export interface Hedged {
  /** The call: `site.name`. */
  readonly at: string
  /**
   * - `sent`: there is another attempt
   * - `won`: an attempt other than the first has brought the result
   * - `budget`: too many of the calls have been hedged
   * - `arguments`: they cannot be used twice
   */
  readonly decision: 'sent' | 'won' | 'budget' | 'arguments'
  /** Milliseconds since the first attempt began. */
  readonly after: number
}

/** `millrace:breaker:hedge` */
export const hedged: Channel<Hedged> = channel('millrace:breaker:hedge')

/** Work had to wait for other work to end, or did not get in. */
export interface Held extends At {
  /**
   * - `waited`: and got in
   * - `full`: it did not get in: as many wait as may
   * - `late`: it waited until its deadline
   * - `gone`: nobody waits for it any more
   */
  readonly outcome: 'waited' | 'full' | 'late' | 'gone'
  /** Milliseconds that it waited. */
  readonly wait: number
  readonly active: number
  readonly waiting: number
}

/** `millrace:breaker:bulkhead` */
export const held: Channel<Held> = channel('millrace:breaker:bulkhead')

/** Something else was answered instead of a failure. */
export interface FellBack extends At {
  readonly outcome: 'answered' | 'failed'
  /** What went wrong in the first place. */
  readonly error: unknown
}

/** `millrace:breaker:fallback` */
export const fellBack: Channel<FellBack> = channel('millrace:breaker:fallback')
