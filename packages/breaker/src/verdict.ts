import { AlreadyAnsweredError, ClientGoneError } from '@millrace/core'
import { TimeoutError } from './errors.ts'
import type { Verdict } from './policy.ts'
import { statusOf } from './status.ts'
import type { Kind } from './strategy.ts'

/**
 * What an outcome says. Where the rule does not say it: errors and 5xx are failures; an error that says 4xx is what the
 * caller has done. A caller who has left, or waits no longer, says nothing in any case.
 *
 * @param said what the rule's own function says, if it has one; the usual holds where it throws
 */
export const verdictOf = <I>(
  kind: Kind<I>,
  thrown: boolean,
  value: unknown,
  said?: () => boolean | 'ignore',
): Verdict => {
  if (thrown && isCallers(value)) return 'ignored'
  if (said !== undefined) {
    try {
      const verdict = said()
      return verdict === 'ignore' ? 'ignored' : verdict ? 'failure' : 'success'
    } catch {}
  }
  if (!thrown) return kind.isFailure(value) ? 'failure' : 'success'
  const status = statusOf(value)
  return status !== undefined && status >= 400 && status < 500 ? 'success' : 'failure'
}

const isCallers = (error: unknown): boolean =>
  error instanceof ClientGoneError ||
  error instanceof AlreadyAnsweredError ||
  (error instanceof TimeoutError && error.isCallers)
