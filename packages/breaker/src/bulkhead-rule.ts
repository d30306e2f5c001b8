import { callback, type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { Bounds } from './gradient.ts'
import { shortForm } from './short-form.ts'

/** What a rule may say: `bulkhead: 10`, or these options. */
export interface BulkheadOptions<I> {
  /** How much work at once. With `limit`, how much to begin with: default 20, or the nearest that `limit` allows. */
  readonly concurrency?: number | undefined
  /** Finds out by itself how much work at once is good. `adaptive` is `{ min: 4, max: 200 }`. Default: it is fixed. */
  readonly limit?:
    | 'adaptive'
    | { readonly min?: number | undefined; readonly max?: number | undefined }
    | undefined
  /** How much more may wait. Default 0: who finds no place is rejected at once. */
  readonly queue?: number | undefined
  /** How long one may wait. Default `1s`. */
  readonly wait?: Duration | undefined
  /** Who goes first of those that wait: higher numbers. Default 0 for all. What throws, or is no number, is 0. */
  readonly priority?: ((input: I) => number) | undefined
}

/** Read, every default filled in. Times in milliseconds. */
export interface BulkheadRule<I> {
  readonly concurrency: number
  /** Undefined where it is fixed. */
  readonly limit: Bounds | undefined
  readonly queue: number
  readonly wait: number
  readonly priority: ((input: I) => number) | undefined
}

const adaptive = { min: 4, max: 200 }
const usual = 20

const count = z.int().min(1)

const bounds = shortForm(
  z
    .strictObject({ min: count.default(adaptive.min), max: count.default(adaptive.max) })
    .refine(({ min, max }) => min <= max, { error: 'expected min to be at most max' }),
  z.literal('adaptive').transform(() => adaptive),
  '"adaptive" or { min, max }',
)

/** `bulkhead` of a rule: a number of how much work at once, or options. */
export const bulkheadSchema = <I>(): z.ZodType<BulkheadRule<I>, number | BulkheadOptions<I>> =>
  shortForm(
    z
      .strictObject({
        concurrency: count.optional(),
        limit: bounds.optional(),
        queue: z.int().min(0).default(0),
        wait: duration().default(1000),
        priority: callback<(input: I) => number>().optional(),
      })
      .refine(({ concurrency, limit }) => concurrency !== undefined || limit !== undefined, {
        error: 'expected concurrency, or limit: "adaptive"',
      })
      .transform(({ concurrency = usual, limit, queue, wait, priority }) => ({
        concurrency: limit ? Math.max(limit.min, Math.min(limit.max, concurrency)) : concurrency,
        limit,
        queue,
        wait,
        priority,
      })),
    count.transform((concurrency) => ({ concurrency })),
    'how much work at once, or options',
  )
