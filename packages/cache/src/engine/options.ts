import { type Duration, parseDuration } from '@millrace/core'
import type { Adaptive } from './adaptive.ts'
import type { Sharing } from './sharing.ts'

/** What may be said for a cache, a namespace or a call; the nearest one holds. */
export interface Options {
  /** How long a value is fresh; `adaptive({ min, max })` follows its changes. Default `1m`. */
  readonly ttl?: Duration | Adaptive
  /** The longest that any value is fresh, whatever `ttl`, the factory or `sliding` say. Default none. */
  readonly maxTtl?: Duration
  /** Each read of a fresh value makes it fresh for its `ttl` again, up to `maxTtl` from its load. Default false. */
  readonly sliding?: boolean
  /** For how long after that it is still served at once, while it is loaded anew in the background. Default 0. */
  readonly swr?: Duration
  /** For how long after that it is served when the load fails. Default 0. */
  readonly staleIfError?: Duration
  /** How long a failed load is not tried again while there is a stale value. Default `10s`. */
  readonly errorThrottle?: Duration
  /** After this a stale value is served, where there is one, and the load goes on. Default none. */
  readonly softTimeout?: Duration
  /** After this the load has failed, and what it may still bring is not kept. Default `30s`. */
  readonly hardTimeout?: Duration
  /** Whether a load that nobody waits for any more is completed. Default false. */
  readonly background?: boolean
  /** The share of a value's life (0 to 1) after which the next read loads it anew in the background. Default none. */
  readonly eager?: number
  /** The share (0 to 1) by which a life is shortened at random, so that values do not expire together. Default 0. */
  readonly jitter?: number
  /** How long it is remembered that there is none: the ttl for undefined and null. Default as `ttl`. */
  readonly negative?: Duration
  /** What `deleteTag` and `expireTag` find the value by. */
  readonly tags?: readonly string[]
  /** The tiers to use, by name. Default all. */
  readonly tiers?: 'all' | readonly string[]
  /** Another `ttl` for a tier, by its name. */
  readonly tierTtl?: Readonly<Record<string, Duration>>
  /** Whether one process loads for all of them, and for how long at most. `true` is `10s`. Default false. */
  readonly lock?: boolean | Duration
  /** How long a tier may take for an answer. Default `50ms`. */
  readonly tierTimeout?: Duration
  /** Whether two values are the same, for `adaptive`. Default deep equality. */
  readonly equal?: (a: unknown, b: unknown) => boolean
  /** What callers get: see {@link Sharing}. Default `frozen`. */
  readonly values?: Sharing
}

/** What one call may say besides. */
export interface CallOptions extends Options {
  /** Ends the waiting of this caller, not of others. */
  readonly signal?: AbortSignal
}

/** Options with every duration in milliseconds. */
export interface Resolved {
  readonly ttl: number | Adaptive
  readonly maxTtl: number
  readonly sliding: boolean
  readonly swr: number
  readonly staleIfError: number
  readonly errorThrottle: number
  readonly softTimeout: number
  readonly hardTimeout: number
  readonly background: boolean
  readonly eager: number
  readonly jitter: number
  readonly negative: number | undefined
  readonly tags: readonly string[]
  readonly tiers: readonly string[] | undefined
  readonly tierTtl: ReadonlyMap<string, number>
  /** 0 for none. */
  readonly lock: number
  readonly tierTimeout: number
  readonly equal: ((a: unknown, b: unknown) => boolean) | undefined
  readonly values: Sharing
}

export const defaults: Resolved = {
  ttl: 60_000,
  maxTtl: Number.POSITIVE_INFINITY,
  sliding: false,
  swr: 0,
  staleIfError: 0,
  errorThrottle: 10_000,
  softTimeout: Number.POSITIVE_INFINITY,
  hardTimeout: 30_000,
  background: false,
  eager: Number.POSITIVE_INFINITY,
  jitter: 0,
  negative: undefined,
  tags: [],
  tiers: undefined,
  tierTtl: new Map(),
  lock: 0,
  tierTimeout: 50,
  equal: undefined,
  values: 'frozen',
}

const durationNames = [
  'maxTtl',
  'swr',
  'staleIfError',
  'errorThrottle',
  'softTimeout',
  'hardTimeout',
  'negative',
  'tierTimeout',
] as const

const known = new Set<string>([...Object.keys(defaults), 'signal'])

/**
 * Options on top of others.
 *
 * @throws RangeError when one is unknown or out of its range
 */
export const resolve = (base: Resolved, options: Options): Resolved => {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw new RangeError(`${name}: no such option of a cache`)
  }
  const { ttl, lock, tierTtl } = options
  const resolved = { ...base }
  const durations: Partial<Record<(typeof durationNames)[number], number>> = {}
  for (const name of durationNames) {
    const value = options[name]
    if (value !== undefined) durations[name] = milliseconds(name, value)
  }
  return {
    ...resolved,
    ...durations,
    ttl: ttl === undefined ? base.ttl : typeof ttl === 'object' ? ttl : milliseconds('ttl', ttl),
    sliding: options.sliding ?? base.sliding,
    background: options.background ?? base.background,
    eager: share('eager', options.eager) ?? base.eager,
    jitter: share('jitter', options.jitter) ?? base.jitter,
    tags: options.tags ?? base.tags,
    tiers: options.tiers === undefined ? base.tiers : options.tiers === 'all' ? undefined : options.tiers,
    tierTtl:
      tierTtl === undefined
        ? base.tierTtl
        : new Map(Object.entries(tierTtl).map(([name, value]) => [name, milliseconds('tierTtl', value)])),
    lock:
      lock === undefined
        ? base.lock
        : lock === true
          ? 10_000
          : lock === false
            ? 0
            : milliseconds('lock', lock),
    equal: options.equal ?? base.equal,
    values: options.values ?? base.values,
  }
}

const milliseconds = (name: string, value: Duration): number => {
  const length = parseDuration(value)
  if (length !== undefined) return length
  throw new RangeError(
    `${name}: expected a duration such as "5m" or 300 (seconds), got ${JSON.stringify(value)}`,
  )
}

const share = (name: string, value: number | undefined): number | undefined => {
  if (value === undefined || (value >= 0 && value <= 1)) return value
  throw new RangeError(`${name}: expected a share from 0 to 1, got ${value}`)
}
