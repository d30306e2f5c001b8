import { type Duration, type Size, size } from '@millrace/core'
import { z } from 'zod'
import { atLeastOne, finite } from '../options.ts'

/** What a route says to take lists: `batchProcess: true`, or these options. */
export interface ProcessRule {
  /** Operations that may be asked for here. Default: all that the plugin has. */
  readonly operations?: readonly string[] | undefined
  /** Items in a list at most. Default 10,000. */
  readonly max?: number | undefined
  /** Lists that are worked on at the same time at most. Default 10. */
  readonly concurrency?: number | undefined
  /** Bytes of the whole request at most. Default `4mb`. */
  readonly body?: Size | undefined
  /** How long the client may take to send it. Default `10s`. */
  readonly receive?: Duration | undefined
  /** How long the work may take. Default `5m`. */
  readonly timeout?: Duration | undefined
}

/** Read, every default filled in. Milliseconds and bytes. */
export interface Allowance {
  readonly operations: readonly string[]
  readonly max: number
  readonly concurrency: number
  readonly body: number
  readonly receive: number
  readonly timeout: number
}

/** @param names of the operations that there are */
export const schemaFor = (names: readonly string[]): z.ZodType<Allowance> =>
  z.strictObject({
    operations: z
      .array(z.enum(names))
      .nonempty()
      .default([...names]),
    max: atLeastOne.default(10_000),
    concurrency: atLeastOne.default(10),
    body: size().default(4 * 1024 * 1024),
    receive: finite().default(10_000),
    timeout: finite().default(300_000),
  })
