import { type Entry, plainEntry } from '../entry.ts'
import type { TierItem } from '../tier.ts'
import type { Codec } from './codec.ts'
import { farKey } from './key.ts'

/** Marks of tags outlive what they mark. */
export const longestTagged: number = 30 * 86_400_000

/** An entry as a tier takes it, fresh until then; rejects with what the codec throws. */
export const itemOf = async (
  codec: Codec,
  key: string,
  entry: Entry,
  freshUntil: number,
): Promise<TierItem> => {
  const ends = Math.max(freshUntil, entry.staleUntil)
  return {
    key: farKey(key),
    frame: await codec.encode({ ...plainEntry(entry), freshUntil }),
    at: entry.createdAt,
    expiresAt: entry.tags?.length ? Math.min(ends, entry.createdAt + longestTagged) : ends,
  }
}
