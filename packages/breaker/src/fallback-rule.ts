import { type Call, callback, type Duration, duration, type Exchange, type Reply } from '@millrace/core'
import { z } from 'zod'
import { type FallbackReply, prepared, unkept } from './fallback-reply.ts'
import { rerouted } from './fallback-route.ts'
import { fieldName, fieldValue } from './field.ts'
import { shortForm } from './short-form.ts'

/** What goes with every form. */
export interface FallbackTerms {
  /**
   * - `failure`: our own rejections, errors, and answers that are failures (5xx): hosts make such answers of what a
   *   handler throws
   * - `error`: without the answers
   *
   * Default `failure`.
   */
  readonly on?: 'failure' | 'error' | undefined
  /** How long a function or a route may take. Default `5s`. */
  readonly timeout?: Duration | undefined
}

/** @param error what went wrong; a {@link FailedAnswerError} where it was an answer */
export type RouteFallbackFunction<P = Exchange['params']> = (
  exchange: Exchange<P>,
  error: unknown,
) => Reply | Promise<Reply>

/** @param error what went wrong; a {@link FailedAnswerError} where it was an answer */
export type CallFallbackFunction<A extends readonly unknown[] = readonly unknown[]> = (
  error: unknown,
  ...args: A
) => unknown

/**
 * What a route may say: a function, a reply, or the path of another route of the app, which is asked with `GET`, and with
 * the query of the request where it says none. What says nothing of caching is sent with `Cache-Control: no-store`.
 */
export type RouteFallback<P = Exchange['params']> =
  | RouteFallbackFunction<P>
  | (FallbackTerms &
      ({ readonly run: RouteFallbackFunction<P> } | { readonly route: string } | FallbackReply))

/** What a call may say: a function, or a value, the same for all who get it. */
export type CallFallback<A extends readonly unknown[] = readonly unknown[]> =
  | CallFallbackFunction<A>
  | (FallbackTerms & ({ readonly run: CallFallbackFunction<A> } | { readonly value: unknown }))

/** Read, every default filled in. */
export interface FallbackRule<I> {
  readonly on: 'failure' | 'error'
  /** Milliseconds. */
  readonly timeout: number
  /** @param signal aborts at the deadline */
  readonly answer: (input: I, error: unknown, signal: AbortSignal) => unknown
}

const terms = {
  on: z.enum(['failure', 'error']).default('failure'),
  timeout: duration().default(5000),
}

interface RouteOptions extends FallbackTerms, Omit<FallbackReply, 'status'> {
  readonly status?: number | undefined
  readonly run?: RouteFallbackFunction | undefined
  readonly route?: string | undefined
}

const makesJson = (body: unknown): boolean => {
  try {
    return typeof JSON.stringify(body) === 'string'
  } catch {
    return false
  }
}

const json = z.unknown().refine((body) => body === undefined || makesJson(body), {
  error: 'expected text, or what makes JSON',
})

const fields = z.record(
  z.string().regex(fieldName),
  z.string().regex(fieldValue, { error: 'expected what may stand in a field' }),
  { error: ({ code }) => (code === 'invalid_key' ? 'expected a field name' : undefined) },
)

const routeOptions: z.ZodType<FallbackRule<Exchange>, RouteOptions> = z
  .strictObject({
    ...terms,
    run: callback<RouteFallbackFunction>().optional(),
    route: z.string().startsWith('/', { error: 'expected a path such as "/other"' }).optional(),
    status: z.int().min(200).max(599).optional(),
    headers: fields.optional(),
    body: json.optional(),
  })
  .refine(
    ({ run, route, status }) => [run, route, status].filter((each) => each !== undefined).length === 1,
    {
      error: 'expected one of run, route and status',
    },
  )
  .refine(
    ({ status, headers, body }) => status !== undefined || (headers === undefined && body === undefined),
    {
      error: 'expected headers and body beside status only',
    },
  )
  .transform(({ on, timeout, run, route, status = 503, headers, body }) => {
    if (route !== undefined)
      return {
        on,
        timeout,
        answer: async (exchange: Exchange, _: unknown, signal: AbortSignal) =>
          unkept(await rerouted(exchange, route, signal)),
      }
    if (run === undefined) {
      const make = prepared({ status, headers, body })
      return { on, timeout, answer: () => unkept(make()) }
    }
    return {
      on,
      timeout,
      answer: async (exchange: Exchange, error: unknown) => unkept(await run(exchange, error)),
    }
  })

interface CallOptions extends FallbackTerms {
  readonly run?: CallFallbackFunction | undefined
  readonly value?: unknown
}

const callOptions: z.ZodType<FallbackRule<Call>, CallOptions> = z
  .strictObject({ ...terms, run: callback<CallFallbackFunction>().optional(), value: z.unknown().optional() })
  .refine((said) => (said.run === undefined) === 'value' in said, { error: 'expected one of run and value' })
  .transform(({ on, timeout, run, value }) => ({
    on,
    timeout,
    answer: run === undefined ? () => value : ({ args }: Call, error: unknown) => run(error, ...args),
  }))

/** `fallback` of a rule for routes. */
export const routeFallbackSchema: z.ZodType<
  FallbackRule<Exchange>,
  RouteFallbackFunction | RouteOptions
> = shortForm(
  routeOptions,
  callback<RouteFallbackFunction>().transform((run) => ({ run })),
  'a function, { status, body }, { route } or { run }',
)

/** `fallback` of a rule for calls. */
export const callFallbackSchema: z.ZodType<
  FallbackRule<Call>,
  CallFallbackFunction | CallOptions
> = shortForm(
  callOptions,
  callback<CallFallbackFunction>().transform((run) => ({ run })),
  'a function, { value } or { run }',
)
