import { z } from 'zod'
import type { Handler, Plugin, Schema, Stage } from '../src/index.ts'

/** A plugin that does nothing and takes any options: what the table does with it is what is tested. */
export const probe = <const Name extends string>(
  name: Name,
  stage: Stage = 'observe',
): Plugin<Name, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>> => ({
  name,
  stage,
  rule: z.record(z.string(), z.unknown()),
  http: () => (exchange, next) => next(exchange),
  call: () => (call, next) => next(call),
})

/** A plugin for routes and calls whose options a schema checks. */
export const checked = <const Name extends string, Rule>(
  name: Name,
  rule: Schema<Rule>,
  more: Partial<Plugin<Name, unknown, Rule>> = {},
): Plugin<Name, unknown, Rule> => ({
  name,
  stage: 'observe',
  rule,
  http: () => (exchange, next) => next(exchange),
  call: () => through,
  ...more,
})

const through = <I, O>(input: I, next: (input: I) => Promise<O>): Promise<O> => next(input)

/** A layer that notes when it is entered and left. */
export const noting =
  (log: string[], name: string) =>
  async <I, O>(input: I, next: Handler<I, O>): Promise<O> => {
    log.push(`> ${name}`)
    try {
      return await next(input)
    } finally {
      log.push(`< ${name}`)
    }
  }
