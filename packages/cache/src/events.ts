import { type Channel, channel, type Exchange } from '@millrace/core'

/** What became of one request that a cache rule holds for. */
export interface Looked {
  readonly exchange: Exchange
  readonly route: string
  /**
   * - `hit`: answered from the store.
   * - `stale`: answered from the store, with what is not fresh any more and may be served as agreed.
   * - `coalesced`: answered with what another request in flight got.
   * - `miss`: the handler ran.
   * - `bypass`: the request is not one to be cached; the handler ran.
   */
  readonly outcome: 'hit' | 'stale' | 'coalesced' | 'miss' | 'bypass'
  /** What it was looked up under; undefined for what is not to be cached. */
  readonly key?: string | undefined
  /** Seconds since what it was answered with was generated. */
  readonly age?: number | undefined
  /** Of what is coalesced, the one whose run brought it, if that was in this process. */
  readonly linked?: Exchange | undefined
}

/** `millrace:cache:lookup` */
export const looked: Channel<Looked> = channel('millrace:cache:lookup')

/** A reply was stored. */
export interface Stored {
  readonly route: string
  readonly bytes: number
  /** Milliseconds. */
  readonly ttl: number
}

/** `millrace:cache:store` */
export const stored: Channel<Stored> = channel('millrace:cache:store')

/** A tier beyond memory was called. */
export interface TierCalled {
  readonly tier: string
  readonly operation: TierFailed['operation']
  /** Milliseconds. */
  readonly duration: number
  /** It failed, or took longer than anybody waits. */
  readonly failed: boolean
}

/** `millrace:cache:tier` */
export const tierCalled: Channel<TierCalled> = channel('millrace:cache:tier')

/** A tier failed; the request went on without it. */
export interface TierFailed {
  readonly tier: string
  readonly operation:
    | 'get'
    | 'set'
    | 'delete'
    | 'keys'
    | 'publish'
    | 'subscribe'
    | 'lock'
    | 'decode'
    | 'start'
    | 'stop'
  readonly error: unknown
}

/** `millrace:cache:error` */
export const tierFailed: Channel<TierFailed> = channel('millrace:cache:error')

/** What became of one read of a data cache. */
export interface Read {
  readonly cache: string
  readonly key: string
  /**
   * - `hit`: fresh, from the tier that is named.
   * - `stale`: not fresh any more, and served as agreed.
   * - `coalesced`: waited for a load that was under way.
   * - `miss`: there was none.
   */
  readonly outcome: 'hit' | 'stale' | 'coalesced' | 'miss'
  readonly tier?: string
}

/** `millrace:cache:read` */
export const read: Channel<Read> = channel('millrace:cache:read')

/** A factory has run. */
export interface Loaded {
  readonly cache: string
  readonly key: string
  /** Milliseconds. */
  readonly duration: number
  readonly error?: unknown
}

/** `millrace:cache:load` */
export const loaded: Channel<Loaded> = channel('millrace:cache:load')

/** What became of a load ahead, or of all of them. */
export interface Prefetched {
  readonly cache: string
  /** The namespace's prefix; empty for the whole cache. */
  readonly namespace: string
  /**
   * - `loading`: it has begun.
   * - `used`: it was read while it was fresh.
   * - `wasted`: it was not, or was gone by then.
   * - `failed`: the loader threw.
   * - `paused`: too few were used: none is begun for five minutes.
   */
  readonly outcome: 'loading' | 'used' | 'wasted' | 'failed' | 'paused'
  readonly key?: string
}

/** `millrace:cache:prefetch` */
export const prefetched: Channel<Prefetched> = channel('millrace:cache:prefetch')
