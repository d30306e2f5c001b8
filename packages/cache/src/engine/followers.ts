/** A key that has been read, as it is encoded, and what its reader has to know to bring it. */
export interface Named<K> {
  readonly key: K
  readonly name: string
}

/** A key that comes after another one, and in how many of a hundred cases, as a share. */
export interface Follower<K> extends Named<K> {
  readonly chance: number
}

interface Counted<K> extends Named<K> {
  count: number
}

interface Row<K> {
  seen: number
  readonly followers: Map<string, Counted<K>>
}

/** One of the last reads, and what has been counted as coming after it. */
interface Recent<K> {
  readonly name: string
  readonly row: Row<K>
  readonly counted: Set<string>
}

/** How many reads count as coming after one: readers take turns, so that the next read is often another reader's. */
const lookahead = 4
const mostFollowers = 8
/** Of so many sights of a key at least one can be said to be followed. */
const leastSeen = 4
/** Then all counts of a key are halved: what was long ago counts less and less. */
const mostSeen = 32
/** Keys that are longer are not remembered. */
const longestName = 500

/**
 * Which key comes after which: a first-order Markov table with bounded rows (Joseph and Grunwald, "Prefetching using
 * Markov predictors", ISCA 1997), in which what comes soon after counts as well, not just what comes next (the lookahead
 * window of Griffioen and Appleton, "Reducing file system latency using a predictive approach", USENIX 1994).
 * Chances are never told too high: in a full row a newcomer wears down the weakest before it takes its place.
 */
export class Followers<K> {
  readonly #rows = new Map<string, Row<K>>()
  readonly #limit: number
  #recent: Recent<K>[] = []

  /** @param limit how many keys are remembered; the least recently read is forgotten first */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#rows.size
  }

  /** A key has been read. */
  note({ key, name }: Named<K>): void {
    if (name.length > longestName) return
    for (const { name: before, row, counted } of this.#recent) {
      if (before === name || counted.has(name)) continue
      counted.add(name)
      count(row, key, name)
    }
    const row = this.#rows.get(name) ?? { seen: 0, followers: new Map<string, Counted<K>>() }
    this.#rows.delete(name)
    this.#rows.set(name, row)
    row.seen++
    if (row.seen >= mostSeen) halve(row)
    this.#recent = [...this.#recent.slice(1 - lookahead), { name, row, counted: new Set() }]
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= this.#limit) break
      this.#rows.delete(oldest)
    }
  }

  /** What comes after a key with at least this chance, the likeliest first. */
  after(name: string, least: number): Follower<K>[] {
    const row = this.#rows.get(name)
    if (row === undefined || row.seen < leastSeen) return []
    // The last sight of the key has not had its followers yet.
    const followed = row.seen - 1
    return [...row.followers.values()]
      .map(({ key, name, count }) => ({ key, name, chance: Math.min(1, count / followed) }))
      .filter(({ chance }) => chance >= least)
      .sort((a, b) => b.chance - a.chance)
  }
}

const count = <K>({ followers }: Row<K>, key: K, name: string): void => {
  const known = followers.get(name)
  if (known !== undefined) {
    known.count++
    return
  }
  if (followers.size >= mostFollowers) {
    const weakest = [...followers.values()].reduce((a, b) => (b.count < a.count ? b : a))
    weakest.count--
    if (weakest.count > 0) return
    followers.delete(weakest.name)
  }
  followers.set(name, { key, name, count: 1 })
}

const halve = <K>(row: Row<K>): void => {
  row.seen /= 2
  for (const follower of row.followers.values()) {
    follower.count /= 2
    if (follower.count < 1) row.followers.delete(follower.name)
  }
}
