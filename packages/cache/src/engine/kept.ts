import type { Entry } from '../entry.ts'
import type { Resolved } from './options.ts'
import { copyOf, guard } from './sharing.ts'

/** An entry as the near tier holds it, with what a read wants to know at a glance. */
export class Kept implements Entry {
  readonly value: unknown
  readonly createdAt: number
  readonly freshUntil: number
  readonly staleUntil: number
  readonly tags: readonly string[] | undefined
  readonly validator: string | undefined
  readonly cost: number | undefined
  readonly life: number | undefined
  /** Until then it is handed out without a second look; 0 where each read needs one. */
  readonly plainUntil: number
  /** From then on a read has it loaded anew. */
  readonly eagerAt: number
  /** Whether callers get copies. */
  readonly copied: boolean
  /** When it was last known to hold. */
  checkedAt: number
  /** Not loaded anew before, as that has failed. */
  retryAt = 0

  constructor(entry: Entry, options: Resolved, checkedAt: number, freshUntil: number = entry.freshUntil) {
    const { value, copied } = guard(entry.value, options.values)
    this.value = value
    this.createdAt = entry.createdAt
    this.freshUntil = freshUntil
    this.staleUntil = entry.staleUntil
    this.tags = entry.tags
    this.validator = entry.validator
    this.cost = entry.cost
    this.life = entry.life
    this.eagerAt = eagerTime(entry.life ?? freshUntil - entry.createdAt, freshUntil, options.eager)
    this.plainUntil =
      copied || options.sliding || (entry.tags !== undefined && entry.tags.length > 0)
        ? 0
        : Math.min(freshUntil, this.eagerAt)
    this.copied = copied
    this.checkedAt = checkedAt
  }
}

const eagerTime = (life: number, freshUntil: number, share: number): number =>
  share > 1 || freshUntil === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : freshUntil - life * (1 - share)

/** What a caller gets. A name stands for a type here: what is kept under a key is what its loader brought. */
export const handOut = <V>(kept: Kept): V => (kept.copied ? copyOf(kept.value) : kept.value) as V

/** What tiers keep of it. */
export const plainEntry = ({
  value,
  createdAt,
  freshUntil,
  staleUntil,
  tags,
  validator,
  cost,
  life,
}: Entry): Entry => ({ value, createdAt, freshUntil, staleUntil, tags, validator, cost, life })
