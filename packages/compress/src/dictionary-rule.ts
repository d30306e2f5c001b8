import { z } from 'zod'
import { areUsable, patternOf } from './dictionary.ts'

/** Which requests an answer is a dictionary for (RFC 9842 section 2.1). */
export interface DictionaryOf {
  /** Paths, as a URL pattern without regular expressions: `/js/app-*.js`. */
  readonly match: string
  /** What clients fetch for, such as `script`, by the names of the Fetch standard. Default: anything. */
  readonly matchDest?: readonly string[] | undefined
}

/** How the answers of a route are dictionaries. */
export interface Declaration {
  readonly match: string
  /** `Use-As-Dictionary` */
  readonly field: string
}

export const dictionarySchema: z.ZodType<Declaration, DictionaryOf> = z
  .strictObject({
    match: z
      .string()
      .regex(/^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/, { error: 'expected paths such as "/js/*"' })
      .refine((match) => !areUsable() || patternOf(match) !== undefined, {
        error: 'expected a URL pattern without regular expressions, such as "/js/*"',
      }),
    matchDest: z
      .array(z.string().regex(/^[a-z-]*$/, { error: 'expected a destination such as "script"' }))
      .default([]),
  })
  .refine(areUsable, { error: 'needs a Node whose zlib takes dictionaries, and URLPattern: 24.6 or later' })
  .transform(({ match, matchDest }) => {
    const dest = matchDest.length === 0 ? '' : `, match-dest=(${matchDest.map(quoted).join(' ')})`
    return { match, field: `match=${quoted(match)}${dest}` }
  })

/** A string of a structured field (RFC 9651 section 3.3.3). */
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
