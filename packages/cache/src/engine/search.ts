import type { Entry } from '../entry.ts'
import type { Standing } from './engine.ts'
import type { FarTier } from './far-tier.ts'
import type { Kept } from './kept.ts'

/** A key that is looked for in the tiers. */
export interface Sought {
  readonly key: string
  /** What was created before it is not brought nearer. */
  readonly fence: { readonly fencedAt: number }
  /** What was created earlier does not count; with `strictly`, nor what was created then. */
  readonly after: number
  readonly strictly: boolean
}

/** What the tiers know of a key. */
export interface Found {
  /** Whether any tier could be asked. */
  readonly answered: boolean
  readonly kept?: Kept | undefined
  readonly standing?: Standing | undefined
  readonly tier?: string | undefined
}

/** A look for one key on its way through the tiers. */
export class Search implements Found {
  readonly sought: Sought
  /** The doubts before any tier was asked: what is found was known to hold then, as a gap may come meanwhile. */
  readonly began: number
  /** Tiers that had nothing fresh, and get what is found further out. */
  readonly missed: FarTier[] = []
  answered = false
  kept: Kept | undefined
  standing: Standing | undefined
  tier: string | undefined
  ended = false

  constructor(sought: Sought, began: number) {
    this.sought = sought
    this.began = began
  }

  /** Whether it may be better than what is known. */
  wants({ createdAt }: Entry): boolean {
    const { after, strictly } = this.sought
    // Of the same age counts: tiers may give it other lives.
    return (strictly ? createdAt > after : createdAt >= after) && createdAt >= (this.kept?.createdAt ?? 0)
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
