import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '@millrace/core'

interface Deadline {
  readonly clock: Clock
  /** By `clock.elapsed()`. */
  readonly until: number
  readonly header: string
}

const deadlines = new AsyncLocalStorage<Deadline>()

/**
 * Milliseconds that are left of the present request's time, by the rule `timeout.header` of its route; undefined where
 * there is none, 0 when it is over.
 */
export const remainingTime = (): number | undefined => {
  const deadline = deadlines.getStore()
  return deadline && Math.max(0, deadline.until - deadline.clock.elapsed())
}

/** The same as a field for a request that the handler makes, under the name it came by; empty where there is none. */
export const deadlineHeaders = (): Readonly<Record<string, string>> => {
  const deadline = deadlines.getStore()
  const left = remainingTime()
  return deadline === undefined || left === undefined || left === Number.POSITIVE_INFINITY
    ? {}
    : { [deadline.header]: String(Math.floor(left)) }
}

/**
 * Runs `work` so that it, and what it waits for, sees the deadline. One further out that is earlier holds.
 *
 * @param left milliseconds; Infinity for none
 */
export const withDeadline = <T>(clock: Clock, left: number, header: string, work: () => T): T => {
  if (left === Number.POSITIVE_INFINITY) return work()
  const until = clock.elapsed() + Math.min(left, remainingTime() ?? left)
  return deadlines.run({ clock, until, header }, work)
}

/**
 * What a client says it waits, in milliseconds; Infinity where it says nothing, or nothing that makes sense.
 *
 * @param field of the request
 */
export const saidTime = (field: string | string[] | undefined): number =>
  typeof field === 'string' && /^\d{1,10}$/.test(field) ? Number(field) : Number.POSITIVE_INFINITY
