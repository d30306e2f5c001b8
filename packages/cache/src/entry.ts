/** A value and what is known about it. Times are milliseconds since 1970, with fractions; `Infinity` never. */
export interface Entry<V = unknown> {
  readonly value: V
  /** When its load began: of two entries of a key the one with the later time holds. */
  readonly createdAt: number
  /** Until then it is fresh. */
  readonly freshUntil: number
  /** Until then it may be served stale; later it is gone. */
  readonly staleUntil: number
  readonly tags?: readonly string[] | undefined
  /** What a conditional refresh compares by: an ETag, a version, a date. */
  readonly validator?: string | undefined
  /** What the load took, in milliseconds. */
  readonly cost?: number | undefined
  /** How long it was given, in milliseconds: what a lifetime that adapts goes on from. */
  readonly life?: number | undefined
  /** Whether its value has just been made of bytes, so that nobody else has it. */
  readonly isOurs?: boolean
}

/** What tiers keep of it. The properties of an entry may be any kind of property, so it is not copied by spreading it. */
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
