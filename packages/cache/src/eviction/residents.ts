export type PolicyName = 'lru' | 'lfu' | 'fifo' | 'ttl' | 'arc' | 's3fifo' | 'adaptive' | 'auto'

/** Why a value left without being deleted: to make room, for a newer value, or because it was not let in at all. */
export type Leaving = 'evicted' | 'replaced' | 'refused'

/** Told once for each value that leaves by itself, after the call that made it leave has done its work. */
export type Evicted<V> = (key: string, value: V, why: Leaving) => void

/** Anything but null and undefined. */
export type Value = NonNullable<unknown>

/** Values under keys, as many as the bounds allow. A policy says which of them leave for new ones. */
export interface Residents<V extends Value> {
  readonly policy: PolicyName
  readonly count: number
  /** The sum of the weights; never above `maxWeight` when a call returns. */
  readonly weight: number
  /** Counts as a use. */
  get(key: string): V | undefined
  /** Does not count as a use. */
  peek(key: string): V | undefined
  /**
   * Keeps a value, or says false and tells `evicted` that it is refused. An older value of the key is gone either way.
   *
   * @throws RangeError when the weight is not a positive whole number
   */
  set(key: string, value: V, weight: number, expiresAt?: number): boolean
  delete(key: string): boolean
  clear(): void
  /** Evicts until the weight is at most this. */
  shrink(weight: number): void
  /** What is kept, in no promised order. May be walked while it changes. */
  entries(): IterableIterator<[string, V]>
  /**
   * Keys, for somebody who takes one now and then and begins again at the end. Whose place changes meanwhile may be missed.
   */
  keys(): IterableIterator<string>
  /** What an operator may want to see. */
  inspect(): Inspected
}

export interface Inspected {
  readonly policy: PolicyName
  readonly count: number
  readonly weight: number
  /** What the policy itself holds beside the entries, such as its memory of what has left. */
  readonly metadataBytes: number
  readonly [detail: string]: unknown
}

export interface Bounds {
  readonly maxEntries?: number
  readonly maxWeight?: number
}

/** @throws RangeError when a weight would make the bound mean nothing */
export const checkWeight = (weight: number): void => {
  if (!(Number.isSafeInteger(weight) && weight > 0)) {
    throw new RangeError(`weight: expected a positive whole number, got ${weight}`)
  }
}
