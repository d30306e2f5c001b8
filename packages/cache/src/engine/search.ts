import type { Entry } from '../entry.ts'
import type { Standing } from './engine.ts'
import type { FarTier } from './far-tier.ts'
import type { Kept } from './kept.ts'

/** What was created before it is not brought nearer. */
interface Fence {
  readonly fencedAt: number
}

const nobody: readonly FarTier[] = []

/**
 * A look for one key on its way through the tiers, and what they know of it in the end.
 *
 * Each read beyond memory makes one, and it refers to all that the read brings. V8 allocates the literals of a place among
 * the old objects once many of that place have lived long, as in a burst, and what a dead old object refers to is kept until
 * the next major collection: so what is made on this way for each read is made by classes and by calls (`Array.of`), which
 * are never allocated so.
 */
export class Search {
  readonly key: string
  readonly fence: Fence
  /** What was created earlier does not count; with `strictly`, nor what was created then. */
  readonly after: number
  readonly strictly: boolean
  /** The doubts before any tier was asked: what is found was known to hold then, as a gap may come meanwhile. */
  readonly began: number
  /** Tiers that had nothing fresh, and get what is found further out. */
  missed: readonly FarTier[] = nobody
  /** Whether any tier could be asked. */
  answered = false
  kept: Kept | undefined
  standing: Standing | undefined
  tier: string | undefined
  ended = false

  constructor(key: string, fence: Fence, after: number, strictly: boolean, began: number) {
    this.key = key
    this.fence = fence
    this.after = after
    this.strictly = strictly
    this.began = began
  }

  /** Whether it may be better than what is known. */
  wants({ createdAt }: Entry): boolean {
    // Of the same age counts: tiers may give it other lives.
    const isLater = this.strictly ? createdAt > this.after : createdAt >= this.after
    return isLater && createdAt >= (this.kept?.createdAt ?? 0)
  }

  miss(far: FarTier): void {
    this.missed = [...this.missed, far]
  }

  find(standing: Standing, kept: Kept, tier: string): void {
    this.standing = standing
    this.kept = kept
    this.tier = tier
  }

  /** What was found has been overtaken. */
  forget(): void {
    this.standing = undefined
    this.kept = undefined
    this.tier = undefined
  }
}
