import { callback, type Exchange, type Reply, type Size, size } from '@millrace/core'
import { z } from 'zod'
import { type Coders, codersOf } from './coder.ts'
import { type Coding, type DictionaryCoding, type Level, levels, type Quality, qualities } from './coding.ts'
import { someCodings } from './codings-rule.ts'
import { type Declaration, type DictionaryOf, dictionarySchema } from './dictionary-rule.ts'
import { type Requests, type RequestsRule, requests } from './requests.ts'
import { type Finder, type FindFile, type SiblingsOf, siblingsSchema } from './siblings-rule.ts'
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
  /**
   * What the entity tag of an encoded reply is made of a strong one: `weak`, `W/"abc"`, or `suffix`, `"abc-gzip"`, where
   * the same bytes come out each time. Conditions with either reach the handler as it knows them. Default `weak`.
   */
  readonly etag?: 'weak' | 'suffix' | undefined
  /**
   * Where the files are that the handler sends: those that were encoded beforehand and lie beside them (`app.js.br`,
   * `app.js.zst`, `app.js.gz`) go out instead. Or a function that tells which file a reply is of. Default: none.
   */
  readonly siblings?: SiblingsOf | FindFile | undefined
  /**
   * Declares answers dictionaries for later requests (RFC 9842), which are then encoded against what the client has. Not what
   * is private, or was made for a request with cookies or credentials and does not say `public`. Default: none.
   */
  readonly dictionary?: DictionaryOf | undefined
  /**
   * Whether encoded replies get a random number of bytes that say nothing, so that their length tells less of secrets in them
   * (BREACH): true for 100 at most, or how many. Only gzip is offered then. Default false.
   */
  readonly noise?: boolean | number | undefined
  /** Whether the bodies of requests are decoded before the handler reads them. Default false. */
  readonly requests?: boolean | RequestsRule | undefined
}

export interface Rule {
  readonly coders: Coders
  /** The most bytes that are encoded in the turn in which they come, by coding. */
  readonly inTurn: Readonly<Partial<Record<Coding | DictionaryCoding, number>>>
  readonly encodings: readonly Coding[]
  readonly threshold: number
  readonly isWorth: (type: string) => boolean
  readonly filter: ((exchange: Exchange, reply: Reply) => boolean) | undefined
  readonly flush: boolean
  readonly strict: boolean
  readonly etag: 'weak' | 'suffix'
  readonly siblings: Finder | undefined
  readonly dictionary: Declaration | undefined
  /** The most bytes of it. */
  readonly noise: number
  readonly quality: Quality
  /** Undefined where they are left as they are. */
  readonly requests: Requests | undefined
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

export const schema: z.ZodType<Rule> = z
  .strictObject({
    level: level.default('balanced'),
    encodings: someCodings,
    threshold: size().default(500),
    types: z
      .array(
        z.string().regex(/^[^/\s;]+\/[^/\s;]+$/, { error: 'expected a type such as "application/x-map"' }),
      )
      .default([]),
    filter: callback<(exchange: Exchange, reply: Reply) => boolean>().optional(),
    flush: z.boolean().default(false),
    strict: z.boolean().default(false),
    etag: z.enum(['weak', 'suffix']).default('weak'),
    requests,
    siblings: siblingsSchema.optional(),
    dictionary: dictionarySchema.optional(),
    noise: z
      .union([
        z.boolean(),
        z
          .int()
          .min(1)
          .max(64 * kb),
      ])
      .default(false),
  })
  .refine(({ noise, encodings }) => noise === false || encodings.includes('gzip'), {
    error: 'noise goes with gzip alone, which encodings have to name',
  })
  .transform(({ level, types, encodings, noise, siblings, dictionary, filter, ...rest }): Rule => {
    const quality = typeof level === 'string' ? qualities[level] : ownQuality(level)
    return {
      ...rest,
      quality,
      coders: codersOf(quality),
      inTurn: inTurn[typeof level === 'string' ? level : 'own'],
      encodings: noise === false ? encodings : ['gzip'],
      isWorth: worthBy(types),
      filter,
      // Their lengths would tell.
      siblings: noise === false ? siblings : undefined,
      dictionary: noise === false ? dictionary : undefined,
      noise: noise === true ? usualNoise : Number(noise),
    }
  })

/** What is recommended by those who found that it helps ("Heal the BREACH", 2022). */
const usualNoise = 100

const ownQuality = (own: { readonly [C in Coding]?: number | undefined }): Record<Coding, number> => {
  const { zstd, br, gzip, deflate } = qualities.balanced
  return {
    zstd: own.zstd ?? zstd,
    br: own.br ?? br,
    gzip: own.gzip ?? gzip,
    deflate: own.deflate ?? deflate,
  }
}
