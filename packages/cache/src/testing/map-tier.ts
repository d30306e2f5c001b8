import { type Clock, systemClock } from '@millrace/core'
import type { Tier } from '../tier.ts'

/** How long a tier holds off items that are older than a deletion, in milliseconds. */
const remembered = 60_000

interface Kept {
  /** Undefined for a deletion. */
  readonly frame: Uint8Array | undefined
  readonly at: number
  readonly expiresAt: number
}

/** The whole behaviour of a tier in a map: for tests, and to read. It has no bound. */
export const mapTier = ({ clock = systemClock }: { readonly clock?: Clock } = {}): Tier => {
  const kept = new Map<string, Kept>()

  const find = (key: string): Kept | undefined => {
    const found = kept.get(key)
    if (found && found.expiresAt <= clock.now()) {
      kept.delete(key)
      return undefined
    }
    return found
  }
  const put = (key: string, next: Kept): void => {
    if ((find(key)?.at ?? Number.NEGATIVE_INFINITY) <= next.at) kept.set(key, next)
  }

  return {
    name: 'map',
    getMany: async (keys) => keys.map((key) => find(key)?.frame?.slice()),
    setMany: async (items) => {
      for (const { key, frame, at, expiresAt } of items) put(key, { frame: frame.slice(), at, expiresAt })
    },
    deleteMany: async (keys, at) => {
      const expiresAt = clock.now() + remembered
      for (const key of keys) put(key, { frame: undefined, at, expiresAt })
    },
    async *keys(prefix) {
      for (const key of kept.keys()) if (key.startsWith(prefix) && find(key)?.frame) yield key
    },
    inspect: () => ({ entries: kept.size }),
  }
}
