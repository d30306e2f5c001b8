import type { Key } from './key.ts'
import type { Space, SpaceOptions } from './space.ts'

/** How calls of a function are cached. */
export interface CachedOptions<A extends readonly unknown[]> extends SpaceOptions {
  /** Where: a cache, or a namespace of one. */
  readonly cache: Space
  /** Keeps it apart from other functions in the same cache. Functions' own names are not unique, so it has to be said. */
  readonly name: string
  /** What a call is kept under. */
  readonly key: (...args: A) => Key
}

type KeyIfNeeded<A extends readonly unknown[]> = A extends readonly Key[]
  ? Omit<CachedOptions<A>, 'key'> & Partial<Pick<CachedOptions<A>, 'key'>>
  : CachedOptions<A>

/** A method, as a standard decorator takes and replaces it. */
type Method<T, A extends readonly unknown[], V> = (this: T, ...args: A) => V | Promise<V>

/**
 * A function whose calls are answered from a cache, by its arguments or by `key`.
 *
 * Without a function it is a standard decorator for methods: `@cached({ cache, name: 'city', key: (id) => id })`. All
 * instances share what is kept.
 */
export function cached<A extends readonly unknown[], V>(
  fn: (...args: A) => V | Promise<V>,
  options: KeyIfNeeded<A>,
): (...args: A) => Promise<Awaited<V>>
export function cached<A extends readonly unknown[]>(
  options: CachedOptions<A>,
): <T, V>(
  method: Method<T, A, V>,
  context: { readonly kind: 'method' },
) => (this: T, ...args: A) => Promise<V>
export function cached<A extends readonly unknown[], V>(
  first: ((...args: A) => V | Promise<V>) | CachedOptions<A>,
  second?: Omit<CachedOptions<A>, 'key'> & { readonly key?: (...args: A) => Key },
): unknown {
  if (typeof first === 'function') {
    if (second === undefined)
      throw new TypeError('cached(fn, options): expected options with a cache and a name')
    const call = calls(second)
    return (...args: A) => call(args, () => first(...args))
  }
  const call = calls(first)
  return <T, R>(method: Method<T, A, R>, context: { readonly kind: 'method' }) => {
    if (context.kind !== 'method') throw new TypeError(`@cached: expected a method, got a ${context.kind}`)
    return function cachedMethod(this: T, ...args: A): Promise<R> {
      return call(args, () => method.call(this, ...args))
    }
  }
}

const calls = <A extends readonly unknown[]>({
  cache,
  name,
  key,
  ...options
}: Omit<CachedOptions<A>, 'key'> & { readonly key?: (...args: A) => Key }) => {
  const space = cache.namespace(name, options)
  return <V>(args: A, factory: () => V | Promise<V>): Promise<V> =>
    // Without a key of its own every argument is one, as the types of `cached` see to.
    space.getOrSet(key === undefined ? (args as readonly unknown[] as readonly Key[]) : key(...args), factory)
}
