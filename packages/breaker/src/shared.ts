import { ConfigError, type Duration, duration } from '@millrace/core'
import { z } from 'zod'
import type { CouncilOptions } from './council.ts'
import type { Votes } from './votes.ts'

/** How processes open circuits together. */
export interface SharedOptions {
  /** Where they tell each other: `redisVotes(url)` of `@millrace/breaker/redis`. */
  readonly votes: Votes
  /** Between two ballots of a process; a trip is told at once. Who misses three is taken for dead. Default `1s`. */
  readonly interval?: Duration
  /** More than this share of the live processes, and no fewer than `least`. Default 0.5 and 2. */
  readonly quorum?: { readonly share?: number; readonly least?: number }
}

const schema: z.ZodType<CouncilOptions> = z.strictObject({
  interval: duration()
    .refine((ms) => ms >= 10, { error: 'expected at least 10 ms' })
    .default(1000),
  quorum: z
    .strictObject({
      share: z.number().min(0).lt(1).default(0.5),
      least: z.int().min(1).default(2),
    })
    .prefault({}),
})

const hasVotes = (shared: unknown): shared is SharedOptions =>
  typeof shared === 'object' && shared !== null && 'votes' in shared

/** @throws ConfigError that says what is wrong with the options */
export const parseShared = (
  shared: Votes | SharedOptions,
): { readonly votes: Votes; readonly options: CouncilOptions } => {
  const { votes, ...rest } = hasVotes(shared) ? shared : { votes: shared }
  if (typeof votes?.cast !== 'function')
    throw new ConfigError([
      'breaker({ shared }): expected votes, such as redisVotes(url) of @millrace/breaker/redis',
    ])
  const parsed = schema.safeParse(rest)
  if (parsed.success) return { votes, options: parsed.data }
  throw new ConfigError(
    parsed.error.issues.map(
      ({ path, message }) =>
        `breaker({ shared${path.map((part) => `.${String(part)}`).join('')} }): ${message}`,
    ),
  )
}
