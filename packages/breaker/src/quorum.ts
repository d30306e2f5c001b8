import type { Tally } from './votes.ts'

/** How many processes have to agree before a circuit opens in all of them. */
export interface Quorum {
  /** More than this share of the live ones, from 0 to 1. */
  readonly share: number
  /** And never fewer than this. */
  readonly least: number
}

/** @returns how many votes open a circuit that so many processes have */
export const needed = (voters: number, { share, least }: Quorum): number =>
  Math.max(least, Math.floor(voters * share) + 1)

/**
 * What enough processes say.
 *
 * @returns by key the time until which enough of them say so, in milliseconds since 1970
 */
export const agreed = (tally: Tally, quorum: Quorum, now: number): ReadonlyMap<string, number> => {
  const votes = needed(tally.voters, quorum)
  const found = new Map<string, number>()
  if (tally.open.length < votes) return found
  const counts = new Map<string, number>()
  // The longest first: so the last that is needed says for how long they are enough.
  for (const { key, until } of tally.open) {
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count === votes && until > now) found.set(key, until)
  }
  return found
}
