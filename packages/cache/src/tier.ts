import type { Health } from '@millrace/core'

/** One value on its way into a tier. */
export interface TierItem {
  readonly key: string
  /** See `frame.ts`: a tier never looks inside. */
  readonly frame: Uint8Array
  /** When the value's load began, in milliseconds since 1970: an item is not stored over one with a later time. */
  readonly at: number
  /** Milliseconds since 1970, after which the tier may drop it; `Infinity` never. */
  readonly expiresAt: number
}

/**
 * Where values are kept beyond this process's memory: a Redis, a disk. Nearest first; any number. May forget anything at
 * any time, and drops what has expired by itself. Keys are short strings without control characters.
 *
 * A call that cannot be done rejects, soon: a tier has a deadline of its own for each of them (default 50 ms).
 * `tierContract(() => new MyTier())` in `@millrace/cache/testing` is its test.
 */
export interface Tier {
  readonly name: string
  /** One answer for each key, in order. */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  setMany(items: readonly TierItem[]): Promise<void>
  /** Items with an earlier time than `at` do not come back: the tier remembers the deletion for a minute. */
  deleteMany(keys: readonly string[], at: number): Promise<void>
  /** Every key that starts with `prefix`, for operators: never on the way of a request. May be walked while it changes. */
  keys(prefix: string): AsyncIterable<string>
  start?(): Promise<void>
  stop?(): Promise<void>
  health?(): Promise<Health>
  inspect?(): unknown
  /** How processes that share this tier hear of each other, where it can do that too. */
  backplane?(): Backplane
  /** How one of them is chosen to load for all, where it can do that too. */
  locker?(): Locker
}

/** What processes tell each other: keys and times, never values. */
export interface Notice {
  readonly kind: 'set' | 'delete' | 'expire' | 'tag-delete' | 'tag-expire' | 'clear'
  /** Keys, or tags; for `clear` the namespace's prefix. */
  readonly names: readonly string[]
  /** When: a value older than this is not to be trusted any more. */
  readonly at: number
}

/** How processes hear of each other's writes. */
export interface Backplane {
  /** Rejects when the notice cannot be sent now; the engine keeps the last one for each name and sends it later. */
  publish(notices: readonly Notice[]): Promise<void>
  /**
   * @param hear notices of other processes, never one's own
   * @param gap called when notices may have been missed (a reconnect): near tiers must check before they trust themselves
   * @param lost called when notices are missed from now on, where that is noticed: until then what is owed to a tier is not
   *   written again but deleted, as it may have been overtaken
   * @returns what ends it
   */
  subscribe(hear: (notice: Notice) => void, gap: () => void, lost?: () => void): Promise<() => Promise<void>>
}

/** One loader among all processes. */
export interface Locker {
  /**
   * Tries to become the one who loads `key`, for `ttl` milliseconds at most.
   *
   * @returns a lock, or undefined while somebody else has it
   */
  acquire(key: string, ttl: number): Promise<Lock | undefined>
  /** Resolves when the holder has released it, or after `timeout` milliseconds. */
  released(key: string, timeout: number): Promise<void>
  /** Lets go of what it holds itself, such as a connection. Locks that are held expire by themselves. */
  stop?(): Promise<void>
}

export interface Lock {
  /** Grows with each holder: a writer with a smaller one comes too late. */
  readonly token: number
  release(): Promise<void>
}
