import type { Clock, Exchange } from '@millrace/core'
import type { Prefetch } from '../engine/prefetch.ts'
import type { Slots } from '../engine/slots.ts'
import type { Looked } from '../events.ts'
import type { PageRequest } from './asking.ts'
import type { Rule } from './rule.ts'

/** What all rules of one response cache share. */
export interface House {
  /** In `Cache-Status`; undefined where it is not said. */
  readonly name: string | undefined
  /** The targeted fields that are for this cache, the most specific first (RFC 9213). */
  readonly targets: readonly string[]
  /** Whether they are taken out of the replies. */
  readonly consumesTargets: boolean
  /** Aborts when nothing more is to be begun. */
  readonly stopping: AbortSignal
  slotsOf(rule: Rule, clock: Clock): Slots
  /** What learns which page is asked for after which, for all rules together. */
  learnerOf(slots: Slots): Prefetch<PageRequest>
  /** Nothing of a page is served any more, in any variant. */
  forget(page: string, soft?: boolean): Promise<void>
  /** Who may send `PURGE`; undefined for nobody. */
  readonly authorizePurge: ((exchange: Exchange) => boolean | Promise<boolean>) | undefined
  /**
   * @param key what was looked up
   * @param bornAt when what it is answered with was generated
   * @param linked whose run brought it
   */
  count(
    exchange: Exchange,
    outcome: Looked['outcome'],
    key?: string,
    bornAt?: number,
    linked?: Exchange,
  ): void
  /** A request of the cache's own was given up, as its handler hangs. */
  abandoned(route: string): void
}
