import { timingSafeEqual } from 'node:crypto'
import { type Args, callback, type Duration, duration, type Exchange, type RuleTypes } from '@millrace/core'
import { z } from 'zod'

/** Who sees in the reply what took how long. */
export type Expose =
  | 'everybody'
  | 'nobody'
  | { readonly header: string; readonly value: string }
  | ((exchange: Exchange) => boolean)

/** What a service promises; `millrace rules` makes alerts of it. */
export interface Objective {
  /** Per cent of exchanges that end neither with an error nor too late: from 0 to 100, without both. */
  readonly availability?: number | undefined
  /** The time within which that share is answered. */
  readonly latency?: Duration | undefined
}

/** What a route may say: `timing: true` or these options. */
export interface TimingRule {
  /** Who gets a `Server-Timing` field (W3C Server Timing). Default `everybody`. */
  readonly expose?: Expose | undefined
  /** The name of the whole in that field: a token. Default `total`. */
  readonly metric?: string | undefined
  /** Whether there is an `X-Response-Time` field for the same people, such as `12.345ms`. Default false. */
  readonly responseTime?: boolean | undefined
  /** Whose pages may read `Server-Timing` in a browser: a `Timing-Allow-Origin` field. Default nobody else's. */
  readonly allowOrigin?: string | undefined
  /** Upper bounds of the durations' histogram in seconds, ascending. */
  readonly buckets?: readonly number[] | undefined
  readonly objective?: Objective | undefined
}

/** What a wrapped call may say. */
export interface TimingCallRule<A extends readonly unknown[] = readonly unknown[]> {
  /** A label of few values by the arguments. */
  readonly label?: ((...args: A) => string) | undefined
  /** The share of calls of which it is measured what CPU time and memory the process used meanwhile. Default 0. */
  readonly resources?: number | undefined
  readonly buckets?: readonly number[] | undefined
}

export interface TimingRules extends RuleTypes {
  readonly route: TimingRule
  readonly call: TimingCallRule<Args<this['args']>>
}

export interface Rule {
  readonly isExposed: ((exchange: Exchange) => boolean) | boolean
  readonly metric: string
  readonly responseTime: boolean
  readonly allowOrigin: string | undefined
  readonly buckets: readonly number[] | undefined
}

export interface CallRule {
  readonly label: ((...args: readonly unknown[]) => string) | undefined
  readonly resources: number
  readonly buckets: readonly number[] | undefined
}

const token = (): z.ZodType<string, string> =>
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected a token such as "total"' })

const buckets = (): z.ZodType<readonly number[] | undefined> =>
  z
    .array(z.number())
    .nonempty()
    .refine((bounds) => bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? bound)), {
      error: 'expected ascending numbers of seconds',
    })
    .optional()

const expose = z.union([
  z.literal('everybody'),
  z.literal('nobody'),
  z.strictObject({ header: token(), value: z.string().min(1) }),
  callback<(exchange: Exchange) => boolean>(),
])

const objective = z.strictObject({
  availability: z.number().gt(0).lt(100).optional(),
  latency: duration().optional(),
})

export const schema: z.ZodType<Rule> = z
  .strictObject({
    expose: expose.default('everybody'),
    metric: token().default('total'),
    responseTime: z.boolean().default(false),
    allowOrigin: z
      .string()
      .regex(/^[\x21-\x7e, ]+$/, { error: 'expected origins such as "https://a.example", or "*"' })
      .optional(),
    buckets: buckets(),
    objective: objective.optional(),
  })
  .transform(({ expose, metric, responseTime, allowOrigin, buckets }) => ({
    isExposed: exposedBy(expose),
    metric,
    responseTime,
    allowOrigin,
    buckets,
  }))

export const callSchema: z.ZodType<CallRule> = z
  .strictObject({
    label: callback<(...args: readonly unknown[]) => string>().optional(),
    resources: z.number().min(0).max(1).default(0),
    buckets: buckets(),
  })
  .transform(({ label, resources, buckets }) => ({ label, resources, buckets }))

const exposedBy = (expose: Expose): Rule['isExposed'] => {
  if (typeof expose === 'function') return expose
  if (typeof expose === 'string') return expose === 'everybody'
  const name = expose.header.toLowerCase()
  const secret = Buffer.from(expose.value)
  return ({ headers }) => {
    const given = headers[name]
    if (typeof given !== 'string') return false
    const said = Buffer.from(given)
    // As long a look at a wrong value as at a right one.
    return said.byteLength === secret.byteLength && timingSafeEqual(said, secret)
  }
}
