import { type Args, type Call, callback, type Exchange, type RuleTypes } from '@millrace/core'
import { z } from 'zod'
import { type Gathering, type GatherOptions, gatherShape } from './options.ts'
import type { BatchContext } from './run.ts'

/** Answers requests together: one answer for each, in order. */
export type AnswerMany = (
  exchanges: readonly Exchange[],
  context: BatchContext,
) => PromiseLike<readonly unknown[]> | readonly unknown[]

/** What a route may say. */
export interface BatchRule extends GatherOptions {
  /**
   * A {@link Reply}, or any other value to be sent as JSON; an `Error` for what went wrong with this one; undefined for a
   * request that the route's own handler shall answer.
   */
  readonly handler: AnswerMany
  /** What goes together: requests for which it says the same. Default all. */
  readonly groupBy?: ((exchange: Exchange) => unknown) | undefined
  /** The higher go first, where more wait than go at once. Default 0. */
  readonly priority?: ((exchange: Exchange) => number) | undefined
}

/** What a wrapped function with the arguments `A` may say. */
export interface BatchCallRule<A extends readonly unknown[] = readonly unknown[]> extends GatherOptions {
  /** Stands for the function: one result for the arguments of each call, in order; an `Error` is that call's alone. */
  readonly many: (
    calls: readonly A[],
    context: BatchContext,
  ) => PromiseLike<readonly unknown[]> | readonly unknown[]
  /** What calls are the same by: they go as one. Default the argument, where there is one alone; else none are. */
  readonly key?: ((...args: A) => unknown) | undefined
  /** What goes together: calls for which it says the same. Default all. */
  readonly groupBy?: ((...args: A) => unknown) | undefined
  /** The higher go first, where more wait than go at once. Default 0. */
  readonly priority?: ((...args: A) => number) | undefined
}

export interface BatchRules extends RuleTypes {
  readonly route: BatchRule
  readonly call: BatchCallRule<Args<this['args']>>
}

/** A rule for routes, read. */
export interface Rule extends Gathering {
  readonly handler: AnswerMany
  readonly groupBy: ((exchange: Exchange) => unknown) | undefined
  readonly priority: ((exchange: Exchange) => number) | undefined
}

/** A rule for calls, read: what it says of arguments is asked of calls. */
export interface CallRule extends Gathering {
  readonly many: (
    calls: readonly (readonly unknown[])[],
    context: BatchContext,
  ) => PromiseLike<readonly unknown[]> | readonly unknown[]
  readonly key: (call: Call) => unknown
  readonly groupBy: ((call: Call) => unknown) | undefined
  readonly priority: ((call: Call) => number) | undefined
}

export const schema: z.ZodType<Rule> = z
  .strictObject({
    ...gatherShape('turn'),
    handler: callback<AnswerMany>(),
    groupBy: callback<(exchange: Exchange) => unknown>().optional(),
    priority: callback<(exchange: Exchange) => number>().optional(),
  })
  .transform(({ groupBy, priority, ...rule }) => ({ ...rule, groupBy, priority }))

export const callSchema: z.ZodType<CallRule> = z
  .strictObject({
    ...gatherShape('tick'),
    many: callback<CallRule['many']>(),
    key: callback<(...args: readonly unknown[]) => unknown>().optional(),
    groupBy: callback<(...args: readonly unknown[]) => unknown>().optional(),
    priority: callback<(...args: readonly unknown[]) => number>().optional(),
  })
  .transform(({ key, groupBy, priority, ...rule }) => ({
    ...rule,
    key: key === undefined ? ownKey : ({ args }) => key(...args),
    groupBy: groupBy && (({ args }) => groupBy(...args)),
    priority: priority && (({ args }) => priority(...args)),
  }))

const ownKey = ({ args }: Call): unknown => (args.length === 1 ? args[0] : args)
