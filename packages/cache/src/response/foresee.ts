import { type Clock, type Exchange, turn, varyKey } from '@millrace/core'
import type { Named } from '../engine/followers.ts'
import type { Prefetch } from '../engine/prefetch.ts'
import type { Slots } from '../engine/slots.ts'
import { bringAhead } from './ahead.ts'
import { hostOf, keyedFields, type PageRequest } from './asking.ts'
import type { House } from './house.ts'
import { digest, keyedUrl, variantKey } from './key.ts'
import type { Rule } from './rule.ts'
import { pageOf } from './stored.ts'

/** What replies often vary by, which is not known of a page that is there no more. It tells nobody from others. */
const negotiated = ['accept', 'accept-encoding', 'accept-language'] as const

/**
 * Notes that a page is asked for, and has brought what is likely to be asked for next, with the fields that are in its key.
 * What has a user's credentials in its key is neither noted nor brought.
 *
 * @param first the key with what the rule names
 * @param names fields that the page is known to vary by
 */
export const foresee = (
  exchange: Exchange,
  first: string,
  names: readonly string[],
  learner: Prefetch<PageRequest>,
  rule: Rule,
  house: House,
  clock: Clock,
): void => {
  const { method, scheme, synthetic } = exchange
  if (method !== 'GET' || synthetic !== undefined) return
  const url = keyedUrl(exchange, rule.query)
  const headers = { ...hostOf(exchange), ...keyedFields(exchange, rule, [...negotiated, ...names]) }
  if (url === undefined || headers['cookie'] !== undefined || headers['authorization'] !== undefined) return
  const name = `${first}\n${digest(varyKey(negotiated, headers))}`
  learner.read({ key: { url, scheme, headers, first }, name }, async ({ first: _, ...request }) => {
    // Who asks now comes first.
    await turn()
    const { freshUntil, why } = await bringAhead((made) => exchange.inject(made), request, house, clock)
    if (freshUntil === undefined) throw new Error(why)
    return freshUntil
  })
}

/** Whether memory has what a request asks for, or is about to. */
export const isThere = (slots: Slots, { key: { first, headers } }: Named<PageRequest>): boolean => {
  const known = slots.near(first)
  const page = known && pageOf(known.value)
  const key = page?.kind === 'vary' ? variantKey(first, page.names, headers) : first
  const kept = slots.near(key)
  return slots.run(key) !== undefined || (kept !== undefined && slots.standing(kept) === 'fresh')
}
