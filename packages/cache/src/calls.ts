import { type CallLayer, callback, type Duration, durationExpected, parseDuration } from '@millrace/core'
import { z } from 'zod'
import { type Adaptive, isAdaptive } from './engine/adaptive.ts'
import { isKey, type Key } from './engine/key.ts'
import type { Options } from './engine/options.ts'
import type { Space } from './engine/space.ts'

/** What a rule around a wrapped function with the arguments `A` may say. */
export interface CallCacheRule<A extends readonly unknown[] = readonly unknown[]>
  extends Pick<
    Options,
    | 'swr'
    | 'staleIfError'
    | 'errorThrottle'
    | 'softTimeout'
    | 'hardTimeout'
    | 'eager'
    | 'jitter'
    | 'negative'
    | 'sliding'
    | 'lock'
    | 'values'
  > {
  /** How long a result is fresh. Default `1m`. */
  readonly ttl?: Duration | Adaptive | undefined
  /** What a result is kept under, by the arguments. Default all of them, which then have to make a {@link Key}. */
  readonly key?: ((...args: A) => Key) | undefined
  /** What `purge({ tag })` finds a result by. */
  readonly tags?: readonly (string | ((...args: A) => string | readonly string[]))[] | undefined
}

/** A rule for calls, checked. */
export interface CallRule {
  readonly options: Options
  readonly key: ((...args: never[]) => Key) | undefined
  readonly tags: readonly (string | ((...args: never[]) => string | readonly string[]))[]
}

/** Checked as a duration, and left as it was written: the engine reads it. */
const time = z.custom<Duration>((value) => parseDuration(value) !== undefined, {
  error: `expected ${durationExpected}`,
})
const share = z.number().min(0).max(1)

export const callSchema: z.ZodType<CallRule> = z
  .strictObject({
    ttl: z.union([time, z.custom<Adaptive>(isAdaptive)]),
    swr: time,
    staleIfError: time,
    errorThrottle: time,
    softTimeout: time,
    hardTimeout: time,
    negative: time,
    eager: share,
    jitter: share,
    sliding: z.boolean(),
    lock: z.union([z.boolean(), time]),
    values: z.enum(['frozen', 'cloned', 'shared']),
    key: callback<(...args: never[]) => Key>(),
    tags: z.array(z.union([z.string().min(1), callback<(...args: never[]) => string | readonly string[]>()])),
  })
  .partial()
  .transform(({ key, tags = [], ...options }) => ({ options: defined(options), key, tags }))

/** Without the options that are not said: those of the cache hold. */
const defined = (options: Readonly<Record<string, unknown>>): Options =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** Results of a wrapped function, kept under its name and arguments, loaded once for all who ask. */
export const cachedCalls = ({ key, tags }: CallRule, name: string, space: Space): CallLayer => {
  const tagsFor = (args: readonly unknown[]): readonly string[] =>
    tags.flatMap((tag) => (typeof tag === 'string' ? tag : Reflect.apply(tag, undefined, [...args])))
  const keyFor = (args: readonly unknown[]): Key =>
    key === undefined ? keyOfAll(args, name) : Reflect.apply(key, undefined, [...args])

  return function cache(call, next) {
    const { args, signal } = call
    let kept: Key
    try {
      kept = keyFor(args)
    } catch (error) {
      return Promise.reject(error)
    }
    return space.getOrSet(
      kept,
      // Whoever asked first may leave; the load goes on for the others.
      (context) => {
        if (tags.length > 0) context.setTags(tagsFor(args))
        return next({ name: call.name, args, signal: context.signal })
      },
      { signal },
    )
  }
}

/** @throws TypeError when the arguments make no key */
const keyOfAll = (args: readonly unknown[], name: string): Key => args.map((arg) => asKey(arg, name))

const asKey = (arg: unknown, name: string): Key => {
  if (arg === undefined) return []
  if (isKey(arg)) return [arg]
  throw new TypeError(`calls["${name}"].cache: the arguments make no key: give one by \`key\``)
}
