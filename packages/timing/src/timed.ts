import { systemClock } from '@millrace/core'
import { CallTimer } from './calls.ts'
import { callSchema, type TimingCallRule } from './rule.ts'

/** A method, as a standard decorator takes and replaces it. */
type Method<T, A extends readonly unknown[], V> = (this: T, ...args: A) => V | PromiseLike<V>

/**
 * A function whose calls are timed, without a Millrace around it: `inspect()` of a `timing` plugin in this process and
 * its metrics count them.
 *
 * Without a function it is a standard decorator for methods: `@timed('city.find')`.
 *
 * @throws TypeError when the options are none
 */
export function timed<A extends readonly unknown[], V>(
  name: string,
  fn: (...args: A) => V | PromiseLike<V>,
  options?: TimingCallRule<A>,
): (...args: A) => Promise<V>
export function timed<A extends readonly unknown[]>(
  name: string,
  options?: TimingCallRule<A>,
): <T, V>(
  method: Method<T, A, V>,
  context: { readonly kind: 'method' },
) => (this: T, ...args: A) => Promise<V>
export function timed<A extends readonly unknown[], V>(
  name: string,
  second?: ((...args: A) => V | PromiseLike<V>) | TimingCallRule<A>,
  third?: TimingCallRule<A>,
): unknown {
  if (typeof name !== 'string' || name === '') throw new TypeError('timed(name): expected a name')
  if (typeof second === 'function') {
    const timer = timerOf(name, third)
    return (...args: A) => timer.time(args, () => second(...args))
  }
  const timer = timerOf(name, second)
  return <T, R>(method: Method<T, A, R>, context: { readonly kind: 'method' }) => {
    if (context.kind !== 'method') throw new TypeError(`@timed: expected a method, got a ${context.kind}`)
    return function timedMethod(this: T, ...args: A): Promise<R> {
      return timer.time(args, () => method.call(this, ...args))
    }
  }
}

const timerOf = (name: string, options: unknown = {}): CallTimer => {
  const parsed = callSchema.safeParse(options)
  if (parsed.success) return new CallTimer(name, parsed.data, systemClock)
  const [issue] = parsed.error.issues
  throw new TypeError(`timed("${name}"): ${issue?.path.join('.')}: ${issue?.message}`)
}
