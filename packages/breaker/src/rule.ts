import {
  type Args,
  type Call,
  callback,
  type Duration,
  type Exchange,
  type Reply,
  type RuleTypes,
} from '@millrace/core'
import { z } from 'zod'
import { type BulkheadOptions, type BulkheadRule, bulkheadSchema } from './bulkhead-rule.ts'
import type { ProtectionError } from './errors.ts'
import {
  type CallFallback,
  callFallbackSchema,
  type FallbackRule,
  type RouteFallback,
  routeFallbackSchema,
} from './fallback-rule.ts'
import { fieldName } from './field.ts'
import { type HedgeOptions, type HedgeRule, hedgeSchema } from './hedge-rule.ts'
import type { CircuitPolicy, Reset, Trip } from './policy.ts'
import { type RetryOptions, type RetryRule, retrySchema } from './retry-rule.ts'
import { shortForm } from './short-form.ts'
import {
  type ProbeOptions,
  type ProbeRule,
  probeSchema,
  type ResetOptions,
  resetSchema,
  type TripOptions,
  time,
  tripSchema,
} from './trip-rule.ts'

/** How long it may take: a duration, which is `total`, or these options. */
export interface TimeoutOptions {
  /** One attempt. Default: as long as is left of `total`. */
  readonly attempt?: Duration | undefined
  /** All of it: waiting, attempts, and the pauses between them. */
  readonly total?: Duration | undefined
}

export interface RouteTimeoutOptions extends TimeoutOptions {
  /**
   * A field of the request that says how many milliseconds the client waits: `total` is shortened to that, and what the
   * handler does sees it by `remainingTime()`. `true`: `X-Envoy-Expected-Rq-Timeout-Ms`. Default: none is read.
   */
  readonly header?: boolean | string | undefined
}

/** What routes and calls have in common. */
interface CommonOptions<I> {
  /** When the circuit opens; `false` for no circuit. Default: at half of the outcomes of 10 seconds, 20 at the least. */
  readonly trip?: false | TripOptions | undefined
  /** How long it stays open. Default `10s`, twice as long after each further trip in a row, up to `5m`. */
  readonly reset?: Duration | ResetOptions | undefined
  /** What is let through then. Default 1. */
  readonly probes?: number | ProbeOptions | undefined
  /** Circuits of one name are one circuit, of routes and calls alike, and so are bulkheads. Default: the route or the call. */
  readonly name?: string | undefined
  /** How much work there may be at once, and how much more may wait. Default: any. */
  readonly bulkhead?: number | BulkheadOptions<I> | undefined
  /** `false`: a circuit of this process alone, where `breaker({ shared })` lets processes open circuits together. */
  readonly shared?: false | undefined
}

/** How a request went: with a reply, or with an error. `duration` in milliseconds until then. */
export interface RouteOutcome {
  readonly error?: unknown
  readonly reply?: Reply
  readonly duration: number
}

/** How a call went: with a result, or with an error. `duration` in milliseconds. */
export interface CallOutcome {
  readonly error?: unknown
  readonly result?: unknown
  readonly duration: number
}

/** What a route may say: `breaker: true`, a duration, which is `timeout`, or these options. */
export interface BreakerRule<P = Exchange['params']> extends CommonOptions<Exchange<P>> {
  /** Default: none. */
  readonly timeout?: Duration | RouteTimeoutOptions | undefined
  /** What counts as a failure; `ignore` for what counts neither way. Default: errors but for those of 4xx, and 5xx. */
  readonly failure?: ((outcome: RouteOutcome, exchange: Exchange<P>) => boolean | 'ignore') | undefined
  /** One circuit for each. The 10,000 last used are kept. */
  readonly key?: ((exchange: Exchange<P>) => string) | undefined
  /** Answers what is rejected, or takes too long. Default: `application/problem+json` with `Retry-After`. */
  readonly reject?: ((error: ProtectionError, exchange: Exchange<P>) => Reply | Promise<Reply>) | undefined
  /** What is answered instead of a failure. Default: the failure. */
  readonly fallback?: RouteFallback<P> | undefined
}

/** What a wrapped call may say: `breaker: true`, a duration, which is `timeout`, or these options. */
export interface BreakerCallRule<A extends readonly unknown[] = readonly unknown[]>
  extends CommonOptions<Call<A>> {
  /** Default: none. */
  readonly timeout?: Duration | TimeoutOptions | undefined
  /**
   * What counts as a failure; `ignore` for what counts neither way. Default: errors but for those of 4xx, and results that
   * are 5xx answers.
   */
  readonly failure?: ((outcome: CallOutcome, call: Call<A>) => boolean | 'ignore') | undefined
  /** One circuit for each, by the arguments. The 10,000 last used are kept. */
  readonly key?: ((...args: A) => string) | undefined
  /** How often what has failed is called again. Default: never. */
  readonly retry?: number | RetryOptions | undefined
  /** When what takes long is called once more, at the same time. Default: never. */
  readonly hedge?: Duration | HedgeOptions | undefined
  /** What comes out instead of a failure. Default: the failure. */
  readonly fallback?: CallFallback<A> | undefined
}

export interface BreakerRules extends RuleTypes {
  readonly route: BreakerRule<this['params']> | Duration
  readonly call: BreakerCallRule<Args<this['args']>> | Duration
}

/** Of either kind, every default filled in. Times in milliseconds. */
export interface CommonRule<I> {
  /** Undefined for no circuit. */
  readonly circuit: CircuitPolicy | undefined
  readonly name: string | undefined
  readonly isShared: boolean
  readonly timeout: TimeoutTerms
  readonly bulkhead: BulkheadRule<I> | undefined
  readonly fallback: FallbackRule<I> | undefined
}

export interface TimeoutTerms {
  readonly attempt: number | undefined
  readonly total: number | undefined
  /** Lower case. */
  readonly header: string | undefined
}

export interface RouteRule extends CommonRule<Exchange> {
  readonly failure: BreakerRule['failure']
  readonly key: BreakerRule['key']
  readonly reject: BreakerRule['reject']
}

export interface CallRule extends CommonRule<Call> {
  readonly failure: BreakerCallRule<never>['failure']
  readonly key: ((...args: never[]) => string) | undefined
  readonly retry: RetryRule | undefined
  readonly hedge: HedgeRule | undefined
}

/** Envoy says it to those behind it (config/http/conn_man/headers, `x-envoy-expected-rq-timeout-ms`). */
const usualHeader = 'x-envoy-expected-rq-timeout-ms'

const shortTimeout = z.union([z.string(), z.number()]).transform((total) => ({ total }))
const attemptAndTotal = { attempt: time().optional(), total: time().optional() }

const header = z
  .union([z.boolean(), z.string().regex(fieldName)], {
    error: 'expected true, or a field name',
  })
  .transform((said) => (said === true ? usualHeader : said === false ? undefined : said.toLowerCase()))

const inOrder = { error: 'expected attempt to be at most total' }
const isInOrder = ({
  attempt = 0,
  total = Number.POSITIVE_INFINITY,
}: {
  readonly attempt?: number | undefined
  readonly total?: number | undefined
}): boolean => attempt <= total

const routeTimeout: z.ZodType<TimeoutTerms, Duration | RouteTimeoutOptions> = shortForm(
  z
    .strictObject({ ...attemptAndTotal, header: header.optional() })
    .refine(isInOrder, inOrder)
    .transform(({ attempt, total, header }) => ({ attempt, total, header })),
  shortTimeout,
  'a duration such as "2s", or options',
)

const callTimeout: z.ZodType<TimeoutTerms, Duration | TimeoutOptions> = shortForm(
  z
    .strictObject(attemptAndTotal)
    .refine(isInOrder, inOrder)
    .transform(({ attempt, total }) => ({ attempt, total, header: undefined })),
  shortTimeout,
  'a duration such as "2s", or options',
)

const noTimeout: TimeoutTerms = { attempt: undefined, total: undefined, header: undefined }

const common = {
  trip: tripSchema.prefault({}),
  reset: resetSchema.prefault({}),
  probes: probeSchema.prefault({}),
  name: z.string().min(1).optional(),
  shared: z.literal(false).optional(),
}

interface CommonParsed<I> {
  readonly trip: Trip | undefined
  readonly reset: Reset
  readonly probes: ProbeRule
  readonly name?: string | undefined
  readonly shared?: false | undefined
  readonly timeout: TimeoutTerms
  readonly bulkhead?: BulkheadRule<I> | undefined
  readonly fallback?: FallbackRule<I> | undefined
}

const commonRule = <I>(said: CommonParsed<I>): CommonRule<I> => {
  const { trip, reset, probes, name, shared, timeout, bulkhead, fallback } = said
  const within = probes.within ?? timeout.attempt ?? timeout.total ?? patience
  return {
    circuit: trip && { trip, reset, probes: { count: probes.count, within } },
    name,
    isShared: shared ?? true,
    timeout,
    bulkhead,
    fallback,
  }
}

/** How long nothing may be heard of a probe where there is no timeout. */
const patience = 30_000

const onlyForCalls = z
  .custom<undefined>(() => false, {
    error:
      'expected nothing: the handler of a route can run once for a request. Put it around a call (mill.wrap), or around an injected request',
  })
  .meta({ not: {} })
  .optional()

export const routeSchema: z.ZodType<RouteRule> = z
  .strictObject({
    ...common,
    timeout: routeTimeout.default(noTimeout),
    failure: callback<NonNullable<RouteRule['failure']>>().optional(),
    key: callback<NonNullable<RouteRule['key']>>().optional(),
    reject: callback<NonNullable<RouteRule['reject']>>().optional(),
    bulkhead: bulkheadSchema<Exchange>().optional(),
    fallback: routeFallbackSchema.optional(),
    retry: onlyForCalls,
    hedge: onlyForCalls,
  })
  .transform(({ failure, key, reject, ...said }) => ({ ...commonRule(said), failure, key, reject }))

export const callSchema: z.ZodType<CallRule> = z
  .strictObject({
    ...common,
    timeout: callTimeout.default(noTimeout),
    failure: callback<NonNullable<CallRule['failure']>>().optional(),
    key: callback<NonNullable<CallRule['key']>>().optional(),
    bulkhead: bulkheadSchema<Call>().optional(),
    fallback: callFallbackSchema.optional(),
    retry: retrySchema.optional(),
    hedge: hedgeSchema.optional(),
  })
  .transform(({ failure, key, retry, hedge, ...said }) => ({
    ...commonRule(said),
    failure,
    key,
    retry,
    hedge,
  }))
