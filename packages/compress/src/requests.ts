import { type Size, size } from '@millrace/core'
import { z } from 'zod'
import type { Coding } from './coding.ts'
import { someCodings } from './codings-rule.ts'

/** What a rule may say about the bodies of requests, besides `true` and `false`. */
export interface RequestsRule {
  /** What is decoded; anything else is a 415. Default zstd, br, gzip, deflate. */
  readonly encodings?: readonly Coding[] | undefined
  /** The most bytes that a body may have, as it was sent and decoded; more are a 413. Default 1 MB. */
  readonly limit?: Size | undefined
  /** How many times as many bytes may come out as came in, once they are more than 64 KB; more are a 413. Default 100. */
  readonly ratio?: number | undefined
}

export interface Requests {
  readonly encodings: readonly Coding[]
  readonly limit: number
  readonly ratio: number
}

const options = z.strictObject({
  encodings: someCodings,
  limit: size().default(1024 ** 2),
  ratio: z.number().min(1).default(100),
})

/** Undefined where they are left as they are. */
export const requests: z.ZodType<Requests | undefined> = z
  .union([z.boolean(), options])
  .default(false)
  .transform((given) => {
    if (typeof given === 'object') return given
    return given ? options.parse({}) : undefined
  })
