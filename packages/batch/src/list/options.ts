import { type Clock, ConfigError, callback, type Duration, systemClock, systemRandom } from '@millrace/core'
import { z } from 'zod'
import { type Gathering, gatherShape, type RetryOptions, type SizeRange } from '../options.ts'
import type { Progress } from './progress.ts'

/** How a list is worked through. */
export interface ListOptions {
  /** What events and counts are kept by. Default `list`. */
  readonly name?: string | undefined
  /** Runs of the worker at the same time at most. Default 16. */
  readonly concurrency?: number | undefined
  /** How long one run of the worker may take; then its signal aborts, and it is no longer waited for. Default `10s`. */
  readonly timeout?: Duration | undefined
  /** What to do when a run has failed: a number of attempts after the first, or options. Default 0. */
  readonly retry?: number | RetryOptions | undefined
  /** Items before it have been done already: a run that was broken off says where it was. Default 0. */
  readonly cursor?: number | undefined
  /** Told ten times a second at most, and when it is over. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Ends the work: what runs is given up, nothing more begins. */
  readonly signal?: AbortSignal | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
  /** From 0 to 1, for the waits between attempts. */
  readonly random?: (() => number) | undefined
}

/** The same, for a worker that takes several items at once. */
export interface ManyOptions extends ListOptions {
  /** Items in a run at most, or a range within which it follows how long a run takes. */
  readonly size: number | SizeRange
  /** Whether a run that has failed for good is done again in halves, down to what spoils it. Default false. */
  readonly split?: boolean | ((error: unknown) => boolean) | undefined
}

/** Read, every default filled in. */
export interface Listing {
  readonly name: string
  readonly gathering: Gathering
  readonly cursor: number
  readonly onProgress: ((progress: Progress) => void) | undefined
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  readonly random: () => number
}

const { concurrency, retry, split, max, batchTimeout } = gatherShape('tick')

const schema = z
  .strictObject({
    name: z.string().min(1).default('list'),
    concurrency,
    timeout: batchTimeout,
    retry,
    split,
    size: max,
    cursor: z.int().min(0).default(0),
    onProgress: callback<(progress: Progress) => void>().optional(),
    signal: z.instanceof(AbortSignal).optional(),
    clock: z.custom<Clock>().default(() => systemClock),
    random: callback<() => number>().default(() => systemRandom),
  })
  .transform(({ concurrency, timeout, retry, split, size, ...rest }): Listing => {
    const gathering: Gathering = {
      window: 'tick',
      max: size,
      concurrency,
      queue: 0,
      full: 'wait',
      timeout: Number.POSITIVE_INFINITY,
      batchTimeout: timeout,
      retry,
      split,
    }
    const { name, cursor, onProgress, signal, clock, random } = rest
    return { name, gathering, cursor, onProgress, signal, clock, random }
  })

/** @throws ConfigError naming every option that is wrong */
export const readOptions = (options: ListOptions | ManyOptions): Listing => {
  const read = schema.safeParse(options)
  if (read.success) return read.data
  throw new ConfigError(
    read.error.issues.map(
      ({ path, message }) => `processAll(${path.length > 0 ? `{ ${path.join('.')} }` : ''}): ${message}`,
    ),
  )
}
