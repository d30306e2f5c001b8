import { type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { Keep } from './keep.ts'

/** What a route or call may say: `tracing: true` or these options. */
export interface TracingRule {
  /**
   * The share (0 to 1) of what begins here that is recorded. What comes from somebody else is recorded where they say
   * so. Default: what the SDK's sampler decides, most often all.
   */
  readonly sample?: number | undefined
  /** What is exported though it was not chosen. It needs an SDK that knows it: `@millrace/tracing/sdk` does. */
  readonly keep?:
    | {
        /** What has failed. Default false. */
        readonly errors?: boolean | undefined
        /** What has taken at least this long. Default: nothing. */
        readonly slow?: Duration | undefined
      }
    | undefined
}

export interface Rule {
  readonly sample: number
  readonly keep?: Keep | undefined
}

export const schema: z.ZodType<Rule> = z.strictObject({
  sample: z.number().min(0).max(1).default(1),
  keep: z
    .strictObject({ errors: z.boolean().default(false), slow: duration().optional() })
    .transform(({ errors, slow }): Keep | undefined =>
      errors || slow !== undefined ? { errors, slow } : undefined,
    )
    .optional(),
})
