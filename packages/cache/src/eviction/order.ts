import type { Resident } from './resident.ts'

/**
 * Who leaves next: a policy without its map and bounds, which are the same for all of them.
 *
 * A newcomer is met, then room is made by asking for the next to leave as often as needed, then it enters. The newcomer
 * itself may be the next to leave; then it is refused.
 */
export interface Order<V> {
  /** What it holds beside the residents. */
  readonly metadataBytes: number
  meet(newcomer: Resident<V>): void
  enter(newcomer: Resident<V>): void
  /** Takes out the one that leaves next. Undefined when there is none but a newcomer that has not entered. */
  next(newcomer?: Resident<V>): Resident<V> | undefined
  use(resident: Resident<V>): void
  /** It has a new value, and maybe another expiry. */
  renew(resident: Resident<V>): void
  /** It was deleted. */
  remove(resident: Resident<V>): void
  /** For an operator. */
  inspect?(): Readonly<Record<string, unknown>>
}

/** Makes an order for as much as `capacity` holds of the residents' costs. */
export type MakeOrder = <V>(capacity: number) => Order<V>
