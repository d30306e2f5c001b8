import { type Duration, type Size, size } from '@millrace/core'
import { z } from 'zod'
import { atLeastOne, finite } from '../options.ts'
import { isSettable } from './fields.ts'
import { canonicalPath } from './path.ts'

/** What a route says to answer batches: `batchEndpoint: true`, or these options. */
export interface EndpointRule {
  /** Requests in a batch at most. Default 50. */
  readonly max?: number | undefined
  /** Of these at the same time. Default 8. */
  readonly concurrency?: number | undefined
  /** Requests in a row of which each depends on the one before, at most. Default 10. */
  readonly depth?: number | undefined
  /** Bytes of the whole batch at most. Default `1mb`. */
  readonly body?: Size | undefined
  /** Bytes of the body of each answer at most; a longer one is a 502. Default `1mb`. */
  readonly answer?: Size | undefined
  /** How long the client may take to send the batch. Default `10s`. */
  readonly receive?: Duration | undefined
  /** How long all of it may take. What runs then is a 504, what has not begun a 503. Default `30s`. */
  readonly timeout?: Duration | undefined
  /** Methods that requests may have. Default GET, HEAD, POST, PUT, PATCH and DELETE. */
  readonly methods?: readonly string[] | undefined
  /** Paths that requests may have, with all below them. Default `['/']`: all. */
  readonly paths?: readonly string[] | undefined
  /** Of these, paths that they may not have, nor any below. Default none. */
  readonly except?: readonly string[] | undefined
  /**
   * Fields that a request may set besides those of its own content, of conditions, ranges and of what it accepts; in
   * any case. Others are the caller's, as are all that the batch itself came with.
   */
  readonly headers?: readonly string[] | undefined
}

/** Read, every default filled in. Milliseconds and bytes. */
export interface Limits {
  readonly max: number
  readonly concurrency: number
  readonly depth: number
  readonly body: number
  readonly answer: number
  readonly receive: number
  readonly timeout: number
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  readonly except: readonly string[]
  readonly headers: readonly string[]
}

const paths = z.array(
  z.string().transform((path, context) => {
    const read = canonicalPath(path)
    if (read !== undefined) return read
    context.addIssue({ code: 'custom', message: 'expected a path such as "/api"' })
    return z.NEVER
  }),
)

export const schema: z.ZodType<Limits> = z.strictObject({
  max: atLeastOne.max(10_000).default(50),
  concurrency: atLeastOne.default(8),
  depth: atLeastOne.default(10),
  body: size().default(1024 * 1024),
  answer: size().default(1024 * 1024),
  receive: finite().default(10_000),
  timeout: finite().default(30_000),
  methods: z
    .array(z.string().regex(/^[A-Z]+$/, { error: 'expected a method such as "GET"' }))
    .nonempty()
    .default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  paths: paths.nonempty().default(['/']),
  except: paths.default([]),
  headers: z
    .array(
      z
        .string()
        .transform((name) => name.toLowerCase())
        .refine(isSettable, {
          error: 'expected the name of a field that is neither a credential nor of a connection',
        }),
    )
    .default([]),
})
