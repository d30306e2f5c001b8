import { z } from 'zod'
import { type Coding, codings } from './coding.ts'

const isUnique = (names: readonly string[]): boolean => new Set(names).size === names.length

/** At least one of them, each once; all where a rule does not say. */
export const someCodings: z.ZodType<Coding[], readonly Coding[] | undefined> = z
  .array(z.enum(codings))
  .nonempty()
  .refine(isUnique, { error: 'expected each once' })
  .default([...codings])
