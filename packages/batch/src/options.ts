import { callback, type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { Backoff, SizeBounds, WindowBounds } from './policy.ts'
import type { Length } from './window.ts'

/** A size that follows how long batches take: see `AdaptiveSize`. */
export interface SizeRange {
  /** Default 1. */
  readonly min?: number | undefined
  readonly max: number
  /** How long a batch may take. */
  readonly target: Duration
}

/** A window that follows how long loads take: see `AdaptiveWindow`. */
export interface WindowRange {
  /** Default 0. */
  readonly min?: Duration | undefined
  readonly max: Duration
  /** How long the first load of a batch may take, its wait included. */
  readonly target: Duration
}

export interface RetryOptions {
  /** Attempts after the first, at most. Default 2. */
  readonly attempts?: number | undefined
  /** The wait before the first of them; it doubles each time, and is shortened at random by up to a half. Default `50ms`. */
  readonly delay?: Duration | undefined
  /** The longest wait. Default `2s`. */
  readonly max?: Duration | undefined
  /** Whether it is worth it. Default: always. @param attempt 1 after the first */
  readonly when?: ((error: unknown, attempt: number) => boolean) | undefined
}

/** How items are gathered, wherever they come from. */
export interface GatherOptions {
  /**
   * How long who came first waits for others. `tick`: until every promise has settled that can without I/O.
   * `turn`: until the I/O of this turn of the event loop is done. A duration; or a range, within which it follows
   * the latency. What is full does not wait.
   */
  readonly window?: 'tick' | 'turn' | Duration | WindowRange | undefined
  /** Items in a batch at most, or a range within which it follows the latency. Default 1000. */
  readonly max?: number | SizeRange | undefined
  /** Batches that run at the same time at most. Default 16. */
  readonly concurrency?: number | undefined
  /** Items that wait at most. Default 100,000. */
  readonly queue?: number | undefined
  /**
   * What becomes of who comes when so many wait. `reject`: a `BatchFullError`. `wait`: it waits for room, for as long as
   * it waits at all. Default `reject`.
   */
  readonly full?: 'reject' | 'wait' | undefined
  /** How long an item waits for its result, from first to last. Default `30s`. */
  readonly timeout?: Duration | undefined
  /** How long one run of a batch may take. Default `10s`. */
  readonly batchTimeout?: Duration | undefined
  /** What to do when a batch has failed as a whole: a number of attempts after the first, or options. Default 0. */
  readonly retry?: number | RetryOptions | undefined
  /**
   * Whether a batch that has failed for good is run in halves, and these in halves, until what spoils it stands alone: up to
   * twice as many runs as it has items, one after the other. Default false.
   */
  readonly split?: boolean | ((error: unknown) => boolean) | undefined
}

/** Read, every default filled in. Times in milliseconds. */
export interface Gathering {
  readonly window: Length | WindowBounds
  readonly max: number | SizeBounds
  readonly concurrency: number
  readonly queue: number
  readonly full: 'reject' | 'wait'
  readonly timeout: number
  readonly batchTimeout: number
  readonly retry: Retry
  readonly split: (error: unknown) => boolean
}

export interface Retry extends Backoff {
  readonly attempts: number
  readonly when: (error: unknown, attempt: number) => boolean
}

/** A time that ends: everything that waits has a deadline. */
export const finite = (): z.ZodType<number, Duration> =>
  duration().refine((length) => Number.isFinite(length), { error: 'expected a duration that ends' })

export const atLeastOne: z.ZodInt = z.int().min(1)

const sizeRange: z.ZodType<SizeBounds, SizeRange> = z
  .strictObject({ min: atLeastOne.default(1), max: atLeastOne, target: finite() })
  .refine(({ min, max }) => min <= max, { error: 'expected min to be at most max' })

const windowRange: z.ZodType<WindowBounds, WindowRange> = z
  .strictObject({ min: finite().default(0), max: finite(), target: finite() })
  .refine(({ min, max }) => min <= max, { error: 'expected min to be at most max' })

const attempts = z.int().min(0)

const always = (): boolean => true
const never = (): boolean => false

const retryOptions: z.ZodType<Retry, RetryOptions> = z
  .strictObject({
    attempts: attempts.default(2),
    delay: finite().default(50),
    max: finite().default(2000),
    when: callback<Retry['when']>().optional(),
  })
  .refine(({ delay, max }) => delay <= max, { error: 'expected delay to be at most max' })
  .transform(({ when = always, ...rest }) => ({ ...rest, when }))

type Field<Read, Said> = z.ZodType<Read, Said | undefined>

/** The options of {@link GatherOptions}, to be put among others. */
export type GatherShape = {
  readonly [Name in keyof Gathering]: Field<Gathering[Name], GatherOptions[Name]>
}

/** @param window what holds where nothing is said */
export const gatherShape = (window: 'tick' | 'turn'): GatherShape => ({
  window: z
    .union([z.enum(['tick', 'turn']), finite(), windowRange], { error: expectedWindow })
    .default(window),
  max: z.union([atLeastOne, sizeRange], { error: expectedSize }).default(1000),
  concurrency: atLeastOne.default(16),
  queue: atLeastOne.default(100_000),
  full: z.enum(['reject', 'wait']).default('reject'),
  timeout: finite().default(30_000),
  batchTimeout: finite().default(10_000),
  retry: z
    .union([attempts.transform((said) => retryOptions.parse({ attempts: said })), retryOptions])
    .prefault(0),
  split: z
    .union([
      z.boolean().transform((said) => (said ? always : never)),
      callback<(error: unknown) => boolean>(),
    ])
    .prefault(false),
})

const expectedWindow = 'expected "tick", "turn", a duration such as "5ms", or { min, max, target }'
const expectedSize = 'expected a whole number of at least 1, or { min, max, target }'
