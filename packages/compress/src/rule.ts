import { callback, type Exchange, type Reply, type Size, size } from '@millrace/core'
import { z } from 'zod'
import { type Coders, codersOf } from './coder.ts'
import { type Coding, codings, type Level, levels, qualities } from './coding.ts'
import { worthBy } from './types.ts'

/** What a route may say: `compress: true`, a level, or these options. */
export interface CompressRule {
  /**
   * How much time is given for how few bytes: `fast`, `balanced` or `maximum`, or the libraries' own levels for some codings;
   * the others are then balanced. Default `balanced`: zstd 3, br 4, gzip 6.
   */
  readonly level?: Level | { readonly [C in Coding]?: number | undefined } | undefined
  /** What is offered, best first. Default zstd, br, gzip, deflate. */
  readonly encodings?: readonly Coding[] | undefined
  /** The fewest bytes that are worth it, where the length is known. Default 500. */
  readonly threshold?: Size | undefined
  /** Types that are compressed besides those that are known to get smaller. */
  readonly types?: readonly string[] | undefined
  /** Says no to a reply that would be compressed. */
  readonly filter?: ((exchange: Exchange, reply: Reply) => boolean) | undefined
  /** Whether each chunk of a stream is sent on at once, as it always is of events. Default false: within 50 ms. */
  readonly flush?: boolean | undefined
  /** Whether a client that takes neither a coding that is offered nor the plain body gets a 406. Default false: the body. */
  readonly strict?: boolean | undefined
}

export interface Rule {
  readonly coders: Coders
  /** The most bytes that are encoded in the turn in which they come, by coding. */
  readonly inTurn: Readonly<Record<Coding, number>>
  readonly encodings: readonly Coding[]
  readonly threshold: number
  readonly isWorth: (type: string) => boolean
  readonly filter: ((exchange: Exchange, reply: Reply) => boolean) | undefined
  readonly flush: boolean
  readonly strict: boolean
}

const kb = 1024
const gzipLike = (bytes: number): Rule['inTurn'] => ({
  zstd: 2 * bytes,
  br: bytes,
  gzip: bytes,
  deflate: bytes,
})

/**
 * Another thread takes nothing off the event loop below 16 KB, and costs the process half as much again as the work. So it is
 * asked for what would stop the loop for more than 0.3 ms.
 */
const inTurn: Readonly<Record<Level | 'own', Rule['inTurn']>> = {
  fast: gzipLike(128 * kb),
  balanced: gzipLike(64 * kb),
  maximum: gzipLike(16 * kb),
  // Nobody knows what they cost.
  own: gzipLike(0),
}

const quality = (most: number): z.ZodType<number | undefined> => z.int().min(0).max(most).optional()

const level = z.union([
  z.enum(levels),
  // Of zstd not more than a window of 8 MB, which is what clients must hold (RFC 9659).
  z.strictObject({ zstd: quality(19), br: quality(11), gzip: quality(9), deflate: quality(9) }),
])

const isUnique = (names: readonly string[]): boolean => new Set(names).size === names.length

export const schema: z.ZodType<Rule> = z
  .strictObject({
    level: level.default('balanced'),
    encodings: z
      .array(z.enum(codings))
      .nonempty()
      .refine(isUnique, { error: 'expected each once' })
      .default([...codings]),
    threshold: size().default(500),
    types: z
      .array(
        z.string().regex(/^[^/\s;]+\/[^/\s;]+$/, { error: 'expected a type such as "application/x-map"' }),
      )
      .default([]),
    filter: callback<(exchange: Exchange, reply: Reply) => boolean>().optional(),
    flush: z.boolean().default(false),
    strict: z.boolean().default(false),
  })
  .transform(({ level, encodings, threshold, types, filter, flush, strict }) => ({
    coders: codersOf(typeof level === 'string' ? qualities[level] : ownQuality(level)),
    inTurn: inTurn[typeof level === 'string' ? level : 'own'],
    encodings,
    threshold,
    isWorth: worthBy(types),
    filter,
    flush,
    strict,
  }))

const ownQuality = (own: { readonly [C in Coding]?: number | undefined }): Record<Coding, number> => {
  const { zstd, br, gzip, deflate } = qualities.balanced
  return {
    zstd: own.zstd ?? zstd,
    br: own.br ?? br,
    gzip: own.gzip ?? gzip,
    deflate: own.deflate ?? deflate,
  }
}
