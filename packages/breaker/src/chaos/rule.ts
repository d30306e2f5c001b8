import { type Args, callback, type Duration, duration, type Exchange, type RuleTypes } from '@millrace/core'
import { z } from 'zod'

interface Faults {
  /** The share of work, from 0 to 1, that is held up for a while before anything else, and for how long. */
  readonly latency?: { readonly rate: number; readonly min?: Duration; readonly max: Duration } | undefined
  /** The share that fails with a `ChaosError`, and its status. Default status 500. */
  readonly error?: number | { readonly rate: number; readonly status: number } | undefined
  /** The share whose connection is cut: of a call, that fails as one whose connection was. */
  readonly abort?: number | undefined
  /** The share whose body, or result, comes back damaged. */
  readonly garbage?: number | undefined
}

/** What a route may say: a rate of errors, or these options, at least one of them. */
export interface ChaosRule extends Faults {
  /** Which requests it is for; none where it throws. Default: all. */
  readonly only?: ((exchange: Exchange) => boolean) | undefined
}

/** What a wrapped call may say. */
export interface ChaosCallRule<A extends readonly unknown[] = readonly unknown[]> extends Faults {
  /** Which calls it is for; none where it throws. Default: all. */
  readonly only?: ((...args: A) => boolean) | undefined
}

export interface ChaosRules extends RuleTypes {
  readonly route: ChaosRule | number
  readonly call: ChaosCallRule<Args<this['args']>> | number
}

/** Faults with every default filled in: a rate of 0 never happens. */
export interface Rule<Only> {
  readonly latency: { readonly rate: number; readonly min: number; readonly max: number }
  readonly error: { readonly rate: number; readonly status: number }
  readonly abort: number
  readonly garbage: number
  readonly only: Only | undefined
}

export type OnlyExchange = (exchange: Exchange) => boolean
export type OnlyCall = (...args: readonly unknown[]) => boolean

const rate = (): z.ZodNumber => z.number().min(0).max(1)

const latency = z
  .strictObject({ rate: rate(), min: duration().default(0), max: duration() })
  .refine(({ min, max }) => min <= max && max < Number.POSITIVE_INFINITY, {
    error: 'expected min to be at most max, and max to end',
  })

const error = z.union([
  rate().transform((rate) => ({ rate, status: 500 })),
  z.strictObject({ rate: rate(), status: z.int().min(400).max(599).default(500) }),
])

const schemaOf = <F extends (...args: never[]) => boolean>(): z.ZodType<Rule<F>> =>
  z
    .strictObject({
      latency: latency.default({ rate: 0, min: 0, max: 0 }),
      error: error.default({ rate: 0, status: 500 }),
      abort: rate().default(0),
      garbage: rate().default(0),
      only: callback<F>().optional(),
    })
    .refine(({ latency, error, abort, garbage }) => latency.rate + error.rate + abort + garbage > 0, {
      error: 'expected one of latency, error, abort and garbage to happen now and then',
    })
    .transform(({ only, ...faults }) => ({ ...faults, only }))

export const schema: z.ZodType<Rule<OnlyExchange>> = schemaOf<OnlyExchange>()
export const callSchema: z.ZodType<Rule<OnlyCall>> = schemaOf<OnlyCall>()
