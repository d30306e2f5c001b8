import {
  type Clock,
  ConfigError,
  callback,
  type Duration,
  durationExpected,
  parseDuration,
  systemClock,
  systemRandom,
} from '@millrace/core'
import { z } from 'zod'
import { Engine } from './engine.ts'
import { type GatherOptions, gatherShape } from './options.ts'
import type { Many } from './run.ts'
import { type Inspected, Stats } from './stats.ts'

/** What can be said for a batcher whose keys are `K`. */
export interface BatcherOptions<K> extends GatherOptions {
  /** What events and counts are kept by. Default `batch`. */
  readonly name?: string | undefined
  /** What keys are the same by: they go as one item. Default the keys themselves, as in a `Map`. */
  readonly key?: ((key: K) => unknown) | undefined
  /** What goes together: keys for which it says the same. Default all. */
  readonly groupBy?: ((key: K) => unknown) | undefined
  /**
   * Results that are remembered at most, the first to go being the first that came. Default 0: who shares a batcher among
   * requests must not share one user's results with another, or a result for ever. Failures are not remembered.
   */
  readonly memo?: number | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
  /** From 0 to 1, for the waits between attempts. */
  readonly random?: (() => number) | undefined
}

/** What one load may say. */
export interface LoadOptions {
  /** Ends the waiting of this caller, not of others. When nobody waits any more, the batch's own signal aborts. */
  readonly signal?: AbortSignal
  /** How long this caller waits. Default the batcher's. */
  readonly timeout?: Duration
  /** The higher go first, where more wait than go at once. Default 0. */
  readonly priority?: number
}

/** Loads one value, together with others. */
export interface Load<K, V> {
  /**
   * Rejects with what the batch's function has put in the item's place or thrown, with the reason of the signal,
   * {@link DeadlineError}, `BatchFullError` or `BatchStoppedError`. What the function leaves undefined comes out undefined.
   */
  (key: K, options?: LoadOptions): Promise<V>
  /** The same, by the name that it has in DataLoader. */
  load(key: K, options?: LoadOptions): Promise<V>
  /** One for each key, in order; errors in their places. */
  loadMany(keys: Iterable<K>, options?: LoadOptions): Promise<(V | Error)[]>
  /** Forgets what is remembered of a key, if anything is. */
  clear(key: K): Load<K, V>
  clearAll(): Load<K, V>
  /** Remembers a value, where values are remembered and this key's is not. */
  prime(key: K, value: V): Load<K, V>
  inspect(): Inspected
  /**
   * Takes no more. What was accepted goes at once, and is not tried again when it fails; who waits for room is told.
   *
   * @returns when everybody has been told
   */
  stop(): Promise<void>
}

/**
 * Makes one call of many loads.
 *
 * @throws ConfigError naming every option that is wrong
 */
export const batcher = <K, V>(many: Many<K, V>, options: BatcherOptions<K> = {}): Load<K, V> => {
  const read = schema.safeParse(options)
  if (!read.success) throw new ConfigError(read.error.issues.map(told))
  const { name, memo, clock, random, ...gathering } = read.data
  const { key, groupBy } = options
  const stats = new Stats()
  const engine = new Engine<K, V>({ name, many, gathering, clock, random, key, groupBy, memo, stats })
  const load = (key: K, options?: LoadOptions): Promise<V> => {
    if (options === undefined) return engine.load(key, undefined, gathering.timeout, 0)
    const { signal, timeout, priority = 0 } = options
    return engine.load(
      key,
      signal,
      timeout === undefined ? gathering.timeout : milliseconds(timeout),
      priority,
    )
  }
  const face: Load<K, V> = Object.assign(load, {
    load,
    loadMany: (keys: Iterable<K>, options?: LoadOptions) =>
      Promise.all(Array.from(keys, (key) => load(key, options).catch(asError))),
    clear(key: K) {
      engine.memo?.clear(engine.idOf(key))
      return face
    },
    clearAll() {
      engine.memo?.clearAll()
      return face
    },
    prime(key: K, value: V) {
      engine.memo?.prime(key, engine.idOf(key), value)
      return face
    },
    inspect: () => engine.inspect(),
    stop: () => engine.stop(),
  })
  return face
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error), { cause: error })

/** @throws RangeError when it is none, or never ends */
const milliseconds = (timeout: Duration): number => {
  const length = parseDuration(timeout)
  if (length !== undefined && Number.isFinite(length)) return length
  throw new RangeError(`timeout: expected ${durationExpected}, got ${JSON.stringify(timeout)}`)
}

const schema = z.strictObject({
  ...gatherShape('tick'),
  name: z.string().min(1).default('batch'),
  key: callback<(key: never) => unknown>().optional(),
  groupBy: callback<(key: never) => unknown>().optional(),
  memo: z.int().min(0).default(0),
  clock: z.custom<Clock>().default(() => systemClock),
  random: callback<() => number>().default(() => systemRandom),
})

const told = ({ path, message }: z.core.$ZodIssue): string =>
  `batcher(${path.length > 0 ? `{ ${path.join('.')} }` : ''}): ${message}`
