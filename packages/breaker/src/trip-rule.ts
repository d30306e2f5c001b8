import { type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { Reset, Trip } from './policy.ts'
import { shortForm } from './short-form.ts'

/** When a circuit opens. */
export interface TripOptions {
  /** The share of failures, from 0 to 1. Default 0.5; none where `consecutive` is given and this is not. */
  readonly ratio?: number | undefined
  /** How many outcomes there have to be before shares mean anything. Default 20, or fewer where the window is shorter. */
  readonly minimum?: number | undefined
  /** Of which outcomes: those of the last so long, by tenths of it, or the last so many. Default `10s`. */
  readonly window?: Duration | { readonly calls: number } | undefined
  /** From which duration on one is slow: on routes until the head is known. Default: that does not matter. */
  readonly slow?: Duration | undefined
  /** The share of slow ones, from 0 to 1. Default 1. */
  readonly slowRatio?: number | undefined
  /** How many failures in a row. Default: that does not matter. */
  readonly consecutive?: number | undefined
}

/** How long it stays open: `reset: '30s'`, which is `after`, or these options. */
export interface ResetOptions {
  /** After the first trip. Default `10s`. */
  readonly after?: Duration | undefined
  /** At most. Default `5m`, or `after` where that is longer. */
  readonly max?: Duration | undefined
  /** By how much longer after each further trip in a row. Default 2. */
  readonly factor?: number | undefined
  /** The share by which it is shortened at random, from 0 to 1. Default 0.2. */
  readonly jitter?: number | undefined
}

/** What is let through to see whether it works again: `probes: 5`, which is `count`, or these options. */
export interface ProbeOptions {
  /** How many before it is decided. Default 1. */
  readonly count?: number | undefined
  /** After how long one that nothing is heard of has failed. Default: the timeout, or `30s`. */
  readonly within?: Duration | undefined
}

const share = z.number().min(0).max(1)
const count = z.int().min(1)
/** A time that is longer than none. */
export const time = (): z.ZodType<number, Duration> =>
  duration().refine((ms) => ms > 0, { error: 'expected more than 0' })

const fewest = 20

const tripOptions: z.ZodType<Trip, TripOptions> = z
  .strictObject({
    ratio: share.optional(),
    minimum: z.int().min(0).optional(),
    window: z
      .union([time(), z.strictObject({ calls: count.max(1_000_000) })], {
        error: 'expected a duration such as "10s", or { calls: 100 }',
      })
      .default(10_000),
    slow: duration().optional(),
    slowRatio: share.default(1),
    consecutive: count.optional(),
  })
  .refine(({ window, minimum = 0 }) => typeof window === 'number' || minimum <= window.calls, {
    error: 'expected minimum to be at most window.calls: it would never trip',
  })
  .transform(({ ratio, minimum, window, slow, slowRatio, consecutive }) => ({
    ratio: ratio ?? (consecutive === undefined ? 0.5 : undefined),
    minimum: minimum ?? (typeof window === 'number' ? fewest : Math.min(fewest, window.calls)),
    window,
    slow,
    slowRatio,
    consecutive,
  }))

const longest = 300_000

const resetOptions: z.ZodType<Reset, ResetOptions> = z
  .strictObject({
    after: duration().default(10_000),
    max: duration().optional(),
    factor: z.number().min(1).default(2),
    jitter: share.default(0.2),
  })
  .refine(({ after, max = after }) => after <= max, { error: 'expected after to be at most max' })
  .transform(({ after, max = Math.max(longest, after), factor, jitter }) => ({ after, max, factor, jitter }))

export interface ProbeRule {
  readonly count: number
  readonly within: number | undefined
}

const probeOptions: z.ZodType<ProbeRule, ProbeOptions> = z
  .strictObject({ count: count.max(1000).default(1), within: time().optional() })
  .transform(({ count, within }) => ({ count, within }))

const { $schema, ...tripDescribed } = z.toJSONSchema(z.union([z.literal(false), tripOptions]), {
  io: 'input',
  unrepresentable: 'any',
})

/** `trip` of a rule; undefined for `false`: no circuit. */
export const tripSchema: z.ZodType<Trip | undefined, false | TripOptions> = z
  .custom<false | TripOptions>()
  .meta(tripDescribed)
  .transform((value, context) => {
    if (value === false) return undefined
    const read = tripOptions.safeParse(value)
    if (read.success) return read.data
    if (typeof value !== 'object') context.addIssue('expected false, or options')
    else
      for (const { path, message } of read.error.issues) context.addIssue({ code: 'custom', path, message })
    return z.NEVER
  })

/** `reset` of a rule. */
export const resetSchema: z.ZodType<Reset, Duration | ResetOptions> = shortForm(
  resetOptions,
  z.union([z.string(), z.number()]).transform((after) => ({ after })),
  'a duration such as "10s", or options',
)

/** `probes` of a rule. */
export const probeSchema: z.ZodType<ProbeRule, number | ProbeOptions> = shortForm(
  probeOptions,
  z.number().transform((count) => ({ count })),
  'how many, or options',
)
