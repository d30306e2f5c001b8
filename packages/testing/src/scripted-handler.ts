import type { Handler } from '@millrace/core'

/** One call of a scripted handler, waiting to be answered. */
export interface ScriptedCall<I, O> {
  readonly input: I
  resolve(output: O): void
  reject(error: unknown): void
}

/**
 * A handler that is answered by hand, after Tower's mock service: the layer under test calls `handler` and waits,
 * the test looks at `calls` and settles them when it likes.
 */
export interface Script<I, O> {
  readonly handler: Handler<I, O>
  /** Every call so far, in order. */
  readonly calls: readonly ScriptedCall<I, O>[]
}

export const scriptedHandler = <I, O>(): Script<I, O> => {
  const calls: ScriptedCall<I, O>[] = []
  return {
    calls,
    handler: (input) => {
      const { promise, resolve, reject } = Promise.withResolvers<O>()
      calls.push({ input, resolve, reject })
      return promise
    },
  }
}
