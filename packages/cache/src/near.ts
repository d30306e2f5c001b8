import type { Entry } from './entry.ts'

/**
 * Where entries are kept in this process: answers at once, with the objects themselves. May forget anything at any time,
 * and never holds more than its bound.
 *
 * Only what nobody could use is held back: whoever asks looks at `freshUntil` and `staleUntil` by its own time, so a near
 * tier need not look at a clock for each hit. `nearContract(() => myNear())` is its test.
 */
export interface Near {
  readonly name: string
  get(key: string): Entry | undefined
  /**
   * Keeps an entry. False when it is not kept: it is too large, is not let in, or there is one that was created later.
   * What it would have replaced is gone either way, unless that was created later.
   */
  set(key: string, entry: Entry): boolean
  delete(key: string): boolean
  /** Everything, or the keys that start with `prefix`. */
  clear(prefix?: string): void
  /** What is kept and not over, in no promised order. May be walked while it changes. */
  entries(): IterableIterator<[string, Entry]>
  inspect(): unknown
  start?(): Promise<void>
  stop?(): Promise<void>
  /** Told of each entry that had to leave for others while it could still have been served. */
  onEvicted?: (key: string, entry: Entry) => void
}
