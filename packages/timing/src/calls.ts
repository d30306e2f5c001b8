import type { CallLayer, Clock } from '@millrace/core'
import { callTimed } from './events.ts'
import { callFailed, errorTypeOf } from './outcome.ts'
import type { CallRule } from './rule.ts'

/** Times calls of one function, and tells of each when it has settled. */
export class CallTimer {
  readonly #name: string
  readonly #rule: CallRule
  readonly #clock: Clock
  /** What of a call to sample has come together. */
  #due = 0

  constructor(name: string, rule: CallRule, clock: Clock) {
    this.#name = name
    this.#rule = rule
    this.#clock = clock
  }

  async time<O>(args: readonly unknown[], run: () => O | PromiseLike<O>): Promise<O> {
    if (!callTimed.hasSubscribers) return await run()
    const began = this.#clock.elapsed()
    const used = this.#isSampled() ? new Usage() : undefined
    let thrown: { readonly error: unknown } | undefined
    try {
      return await run()
    } catch (error) {
      thrown = { error }
      throw error
    } finally {
      callTimed.publish({
        name: this.#name,
        outcome: thrown === undefined ? 'ok' : callFailed(thrown.error),
        total: this.#clock.elapsed() - began,
        errorType: thrown === undefined ? '' : errorTypeOf(thrown.error),
        label: this.#label(args),
        used: used?.end(),
        buckets: this.#rule.buckets,
      })
    }
  }

  #isSampled(): boolean {
    this.#due += this.#rule.resources
    if (this.#due < 1) return false
    this.#due--
    return true
  }

  /** A label that cannot be made is no reason to fail the call. */
  #label(args: readonly unknown[]): string {
    try {
      return String(this.#rule.label?.(...args) ?? '')
    } catch {
      return ''
    }
  }
}

/** What the process uses from now on. */
class Usage {
  readonly #cpu = process.cpuUsage()
  readonly #memory = process.memoryUsage().heapUsed

  end(): { readonly cpu: number; readonly memory: number } {
    const { user, system } = process.cpuUsage(this.#cpu)
    return { cpu: (user + system) / 1000, memory: process.memoryUsage().heapUsed - this.#memory }
  }
}

export const timedCalls = (name: string, rule: CallRule, clock: Clock): CallLayer => {
  const timer = new CallTimer(name, rule, clock)
  return function timing(call, next) {
    return timer.time(call.args, () => next(call))
  }
}
