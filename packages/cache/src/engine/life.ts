import { isDeepStrictEqual } from 'node:util'
import { type Entry, plainEntry } from '../entry.ts'
import { adaptedLife } from './adaptive.ts'
import type { Kept } from './kept.ts'
import type { Resolved } from './options.ts'

/** What is known of a value that has just been brought. */
export interface Brought {
  readonly value: unknown
  readonly createdAt: number
  readonly cost?: number
  readonly ttl?: number | undefined
  readonly tags?: readonly string[] | undefined
  readonly validator?: string | undefined
  readonly unchanged?: boolean
}

/** How long a value is fresh, in milliseconds. */
export const lifeOf = (brought: Brought, before: Kept | undefined, options: Resolved): number => {
  const { value, cost = 0 } = brought
  const { ttl, negative } = options
  const absent = value === undefined || value === null
  if (brought.ttl !== undefined) return Math.min(brought.ttl, options.maxTtl)
  if (absent && negative !== undefined) return Math.min(negative, options.maxTtl)
  if (typeof ttl === 'number') return Math.min(ttl, options.maxTtl)
  const life = adaptedLife(ttl, {
    life: before?.life,
    changed: before !== undefined && !isSame(brought, before, options),
    cost,
  })
  return Math.min(life, options.maxTtl)
}

const isSame = (brought: Brought, before: Kept, options: Resolved): boolean => {
  if (brought.unchanged) return true
  if (brought.validator !== undefined || before.validator !== undefined) {
    return brought.validator === before.validator
  }
  return (options.equal ?? isDeepStrictEqual)(brought.value, before.value)
}

/** @param random from 0 to 1 */
export const entryOf = (
  brought: Brought,
  before: Kept | undefined,
  options: Resolved,
  now: number,
  random: () => number,
): Entry => {
  const life = lifeOf(brought, before, options)
  const jittered =
    options.jitter === 0 || life === Number.POSITIVE_INFINITY ? life : life * (1 - options.jitter * random())
  const freshUntil = now + jittered
  const tags = brought.tags ?? options.tags
  return {
    value: brought.value,
    createdAt: brought.createdAt,
    freshUntil,
    staleUntil: freshUntil + Math.max(options.swr, options.staleIfError, adaptiveGrace(options)),
    ...(tags.length > 0 && { tags }),
    ...(brought.validator !== undefined && { validator: brought.validator }),
    ...(brought.cost !== undefined && { cost: brought.cost }),
    life,
  }
}

/** A life that adapts has to see what was there before, so it stays a while, for its reload to be compared with. */
const adaptiveGrace = ({ ttl }: Resolved): number => (typeof ttl === 'object' ? ttl.max : 0)

/** The same value, fresh for its life again from now, within the longest that was agreed. */
export const renewed = (kept: Kept, options: Resolved, now: number): Entry | undefined => {
  const life = kept.life ?? 0
  const freshUntil = Math.min(now + life, kept.createdAt + options.maxTtl)
  // A renewal costs a write, so it is left out where it would say almost the same.
  if (freshUntil - kept.freshUntil < life / 10 || freshUntil === Number.POSITIVE_INFINITY) return undefined
  return { ...plainEntry(kept), freshUntil, staleUntil: freshUntil + (kept.staleUntil - kept.freshUntil) }
}
