import { type Call, canAbort, failed } from '@millrace/core'
import type { Limit } from './limit.ts'
import { retryAfterOf } from './retry-after.ts'
import type { Kind } from './strategy.ts'

/** A call that a limit of ours may end. */
class LimitedCall implements Call {
  readonly name: string
  readonly args: readonly unknown[]
  readonly limit: Limit
  readonly parent: Call
  #signal: AbortSignal | undefined

  constructor(parent: Call, limit: Limit) {
    this.name = parent.name
    this.args = parent.args
    this.limit = limit
    this.parent = parent
  }

  /** Made when first asked for. */
  get signal(): AbortSignal {
    this.#signal ??= canAbort(this.parent)
      ? AbortSignal.any([this.parent.signal, this.limit.signal])
      : this.limit.signal
    return this.#signal
  }
}

/** What the layers further in get of a call that strategies have changed: its own arguments, and their signal. */
export class RelayedCall<A extends readonly unknown[]> implements Call<A> {
  readonly name: string
  readonly args: A
  readonly #changed: Call

  constructor({ name, args }: Call<A>, changed: Call) {
    this.name = name
    this.args = args
    this.#changed = changed
  }

  get signal(): AbortSignal {
    return this.#changed.signal
  }
}

/** What strategies know of calls. */
export const calls: Kind<Call> = {
  limited: (call, limit) => new LimitedCall(call, limit),
  watch(call, listener) {
    if (!canAbort(call)) return nothing
    if (call instanceof LimitedCall) {
      const { limit, parent } = call
      if (!canAbort(parent)) return limit.watch(listener)
      const ends = [limit.watch(listener), calls.watch(parent, listener)]
      return () => {
        for (const end of ends) end()
      }
    }
    const { signal } = call
    const abort = (): void => listener(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    return () => signal.removeEventListener('abort', abort)
  },
  endsByItself: (call) => !canAbort(call),
  over: () => undefined,
  rest: () => undefined,
  known: () => undefined,
  exchangeOf: () => undefined,
  isFailure: (output) => isAnswer(output) && failed(output),
  retryAfter: retryAfterOf,
}

/** An answer by HTTP, of whatever client: `Response` of `fetch`, a `Reply`, axios, got. */
const isAnswer = (output: unknown): output is { readonly status: number } =>
  typeof output === 'object' &&
  output !== null &&
  'status' in output &&
  typeof output.status === 'number' &&
  'headers' in output

const nothing = (): void => undefined
