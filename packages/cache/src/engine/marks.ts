/** When something was invalidated, in the two ways. 0 never. */
export interface Mark {
  /** What was created until then is gone. */
  readonly deletedAt: number
  /** What was created until then is a fallback at best. */
  readonly expiredAt: number
}

const none: readonly string[] = []

export const unmarked: Mark = { deletedAt: 0, expiredAt: 0 }

/** Of two marks, the later one in each of the two ways. */
export const laterOf = (a: Mark, b: Mark): Mark => ({
  deletedAt: Math.max(a.deletedAt, b.deletedAt),
  expiredAt: Math.max(a.expiredAt, b.expiredAt),
})

/**
 * Tags, or namespaces, and when they were invalidated: to invalidate is to note a time, however many values there are.
 * Bounded: a mark that is forgotten counts for every name from then on.
 */
export class Marks {
  /** What was created after this was never invalidated by any of them. */
  latest = 0
  readonly #marks = new Map<string, Mark>()
  /** Names that the tiers have been asked for, and when. */
  readonly #asked = new Map<string, number>()
  readonly #limit: number
  /** Where marks that had to be forgotten still count. */
  #floor = unmarked

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#marks.size
  }

  of(name: string): Mark {
    const mark = this.#marks.get(name)
    if (mark === undefined) return this.#floor
    return this.#floor === unmarked ? mark : laterOf(mark, this.#floor)
  }

  /** @returns whether that was news */
  raise(name: string, mark: Mark): boolean {
    const known = this.#marks.get(name) ?? unmarked
    if (mark.deletedAt <= known.deletedAt && mark.expiredAt <= known.expiredAt) return false
    this.latest = Math.max(this.latest, mark.deletedAt, mark.expiredAt)
    this.#marks.delete(name)
    this.#marks.set(name, laterOf(known, mark))
    for (const [oldest, forgotten] of this.#marks) {
      if (this.#marks.size <= this.#limit) break
      this.#marks.delete(oldest)
      this.#floor = laterOf(this.#floor, forgotten)
    }
    return true
  }

  /** Those of the names that the tiers have not been asked for since `since`. */
  unasked(names: readonly string[], since: number): readonly string[] {
    const isUnasked = (name: string): boolean => (this.#asked.get(name) ?? Number.NEGATIVE_INFINITY) <= since
    return names.some(isUnasked) ? names.filter(isUnasked) : none
  }

  asked(names: readonly string[], at: number): void {
    for (const name of names) {
      this.#asked.delete(name)
      this.#asked.set(name, at)
    }
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= this.#limit) break
      this.#asked.delete(oldest)
    }
  }
}
