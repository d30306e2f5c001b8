import { type Clock, type Handler, within } from '@millrace/core'
import { isAbandoned } from './abandoned.ts'
import { type FellBack, fellBack } from './events.ts'
import type { FallbackRule } from './fallback-rule.ts'
import { statusOf } from './status.ts'
import type { Kind, Strategy } from './strategy.ts'

export interface FallbackParts<I> {
  /** The route or the call: `site.name`. */
  readonly at: string
  readonly kind: Kind<I>
  readonly clock: Clock
}

/** What a fallback is told of an answer that is a failure. */
export class FailedAnswerError extends Error {
  override readonly name = 'FailedAnswerError'
  readonly code = 'ERR_MILLRACE_FAILED_ANSWER'
  /** The `Reply`, or the function's result. */
  readonly answer: unknown

  constructor(at: string, answer: unknown) {
    super(`${at} answered ${statusOf(answer) ?? 'with a failure'}`)
    this.answer = answer
  }
}

/**
 * Answers something else where there would be a failure. Where that fails as well, the first failure counts, with the
 * second one as its cause.
 */
export const fallingBack = <I>(
  { on, timeout, answer }: FallbackRule<I>,
  { at, kind, clock }: FallbackParts<I>,
): Strategy<I> => {
  return function fallingBack<O>(input: I, next: Handler<I, O>): Promise<O> {
    const running = next(input)
    const output = kind.known(running)
    return output === undefined || isFailure(output) ? watched(running, input) : running
  }

  async function watched<O>(running: Promise<O>, input: I): Promise<O> {
    let output: O
    try {
      output = await running
    } catch (error) {
      if (isAbandoned(kind, input)) throw error
      const other = await instead<O>(input, error)
      if (other !== undefined) return other.answer
      throw error
    }
    if (!isFailure(output) || isAbandoned(kind, input)) return output
    const other = await instead<O>(input, new FailedAnswerError(at, output))
    return other === undefined ? output : other.answer
  }

  function isFailure(output: unknown): boolean {
    return on === 'failure' && kind.isFailure(output)
  }

  /** @returns undefined when it failed */
  async function instead<O>(input: I, error: unknown): Promise<{ readonly answer: O } | undefined> {
    const deadline = new AbortController()
    try {
      const given = run(input, error, deadline.signal)
      // A rule's type says nothing about what its function returns: who writes it stands for that.
      const other = (await within(clock, timeout, given, `the fallback of ${at} took too long`)) as O
      tell('answered', input, error)
      return { answer: other }
    } catch (failure) {
      deadline.abort(failure)
      if (error instanceof Error && error.cause === undefined && Object.isExtensible(error))
        error.cause = failure
      tell('failed', input, error)
      return undefined
    }
  }

  /** What it throws is a rejection. */
  async function run(input: I, error: unknown, signal: AbortSignal): Promise<unknown> {
    return await answer(input, error, signal)
  }

  function tell(outcome: FellBack['outcome'], input: I, error: unknown): void {
    if (fellBack.hasSubscribers) fellBack.publish({ at, exchange: kind.exchangeOf(input), outcome, error })
  }
}
