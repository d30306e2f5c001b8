import { type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { BudgetOptions } from './budget.ts'
import { type BudgetInput, budget, methods } from './retry-rule.ts'
import { shortForm } from './short-form.ts'

/** What a call may say: `hedge: '100ms'`, which is `after`, or these options. */
export interface HedgeOptions {
  /** How long an attempt may take before there is another beside it. Default: as long as `quantile` of them took. */
  readonly after?: Duration | undefined
  /** The share of the recent attempts that took no longer than is waited: more than 0, less than 1. Default 0.95. */
  readonly quantile?: number | undefined
  /** The shortest that is waited by `quantile`. Default `1ms`. */
  readonly min?: Duration | undefined
  /** Attempts beside the first, at most. Default 1. */
  readonly attempts?: number | undefined
  /** Default 0.05, and 1 in each second. */
  readonly budget?: BudgetInput | undefined
  /** Methods that may be sent twice, where the arguments name one. Default those of RFC 9110 section 9.2.2 and QUERY. */
  readonly methods?: readonly string[] | undefined
}

/** Read, every default filled in. Times in milliseconds. */
export interface HedgeRule {
  /** Undefined: by `quantile`. */
  readonly after: number | undefined
  readonly quantile: number
  readonly min: number
  readonly attempts: number
  readonly budget: BudgetOptions
  readonly methods: ReadonlySet<string>
}

const options: z.ZodType<HedgeRule, HedgeOptions> = z
  .strictObject({
    after: duration().optional(),
    quantile: z.number().gt(0).lt(1).optional(),
    min: duration().optional(),
    attempts: z.int().min(1).default(1),
    budget: budget({ ratio: 0.05, minimum: 1 }),
    methods: methods(),
  })
  .refine(
    ({ after, quantile, min }) => after === undefined || (quantile === undefined && min === undefined),
    {
      error: 'expected after, or quantile and min, and not both',
    },
  )
  .transform(({ after, quantile = 0.95, min = 1, ...rule }) => ({ after, quantile, min, ...rule }))

/** `hedge` of a rule for calls: how long to wait, or options. */
export const hedgeSchema: z.ZodType<HedgeRule, Duration | HedgeOptions> = shortForm(
  options,
  z.union([z.string(), z.number()]).transform((after) => ({ after })),
  'a duration such as "100ms", or options',
)
