import { callback, type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { BudgetOptions } from './budget.ts'
import { idempotentMethods } from './methods.ts'
import { shortForm } from './short-form.ts'

/** How an attempt went. */
export type Attempted = { readonly error: unknown } | { readonly result: unknown }

/** A share of the calls, or with a number of attempts in each second that may be however few calls there are. */
export type BudgetInput =
  | number
  | { readonly ratio?: number | undefined; readonly minimum?: number | undefined }

/** What a call may say: `retry: 3`, or these options. */
export interface RetryOptions {
  /** Attempts after the first, at most. Default 2. */
  readonly attempts?: number | undefined
  /** The shortest wait between two attempts. Default `50ms`. */
  readonly delay?: Duration | undefined
  /** The longest wait by our own choice. Default `2s`. */
  readonly max?: Duration | undefined
  /** The longest that the other side may ask us to wait (`Retry-After`); if longer, that is the end. Default `30s`. */
  readonly maxRetryAfter?: Duration | undefined
  /** Default 0.2, and 10 in each second. */
  readonly budget?: BudgetInput | undefined
  /**
   * By which statuses of a result, or of an error that has one, it is worth another attempt. Default 408, 429, 500, 502,
   * 503, 504. An error without a status always is.
   */
  readonly statuses?: readonly number[] | undefined
  /**
   * Says it instead of `statuses`, which hold where it throws. An open circuit, a caller who is gone and arguments that cannot be used twice are the
   * end whatever it says.
   *
   * @param attempt 1 after the first
   */
  readonly when?: ((outcome: Attempted, attempt: number) => boolean) | undefined
  /** Methods that may be sent twice, where the arguments name one. Default those of RFC 9110 section 9.2.2 and QUERY. */
  readonly methods?: readonly string[] | undefined
}

/** Read, every default filled in. Times in milliseconds. */
export interface RetryRule {
  readonly attempts: number
  readonly delay: number
  readonly max: number
  readonly maxRetryAfter: number
  readonly budget: BudgetOptions
  readonly statuses: ReadonlySet<number>
  readonly when: ((outcome: Attempted, attempt: number) => boolean) | undefined
  readonly methods: ReadonlySet<string>
}

/** @param defaults what holds where nothing is said */
export const budget = (defaults: BudgetOptions): z.ZodType<BudgetOptions, BudgetInput | undefined> =>
  shortForm(
    z.strictObject({
      ratio: z.number().min(0).default(defaults.ratio),
      minimum: z.number().min(0).default(defaults.minimum),
    }),
    z
      .number()
      .min(0)
      .transform((ratio) => ({ ratio })),
    'a share of the calls such as 0.2, or { ratio, minimum }',
  ).default(defaults)

export const methods = (): z.ZodType<ReadonlySet<string>, readonly string[] | undefined> =>
  z
    .array(z.string().min(1))
    .default([...idempotentMethods])
    .transform((names) => new Set(names.map((name) => name.toUpperCase())))

const attempts = z.int().min(0)

const options: z.ZodType<RetryRule, RetryOptions> = z
  .strictObject({
    attempts: attempts.default(2),
    delay: duration().default(50),
    max: duration().default(2000),
    maxRetryAfter: duration().default(30_000),
    budget: budget({ ratio: 0.2, minimum: 10 }),
    statuses: z
      .array(z.int().min(100).max(599))
      .default([408, 429, 500, 502, 503, 504])
      .transform((said) => new Set(said)),
    when: callback<(outcome: Attempted, attempt: number) => boolean>().optional(),
    methods: methods(),
  })
  .refine(({ delay, max }) => delay <= max, { error: 'expected delay to be at most max' })
  .transform(({ when, ...rule }) => ({ ...rule, when }))

/** `retry` of a rule for calls: a number of attempts after the first, or options. */
export const retrySchema: z.ZodType<RetryRule, number | RetryOptions> = shortForm(
  options,
  attempts.transform((said) => ({ attempts: said })),
  'a number of attempts after the first, or options',
)
