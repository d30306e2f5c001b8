import type { Clock, Exchange } from '@millrace/core'
import type { Slots } from '../engine/slots.ts'
import type { Looked } from '../events.ts'
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
  /** Nothing of a page is served any more, in any variant. */
  forget(page: string, soft?: boolean): Promise<void>
  /** Who may send `PURGE`; undefined for nobody. */
  readonly authorizePurge: ((exchange: Exchange) => boolean | Promise<boolean>) | undefined
  count(exchange: Exchange, outcome: Looked['outcome']): void
}
