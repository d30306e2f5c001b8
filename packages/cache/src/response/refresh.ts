import { type Exchange, fieldOf } from '@millrace/core'
import type { Flight } from '../engine/flight.ts'
import type { Kept } from '../engine/kept.ts'
import type { Slots } from '../engine/slots.ts'
import { drain } from './ahead.ts'
import { hostOf, keyedFields } from './asking.ts'
import type { Errand } from './errand.ts'
import type { House } from './house.ts'
import { hasFunction, type Rule } from './rule.ts'

/** What a request that the cache makes by itself is for. */
export class Refresh {
  readonly house: House
  readonly flight: Flight<Kept | undefined>
  readonly errand: Errand

  constructor(house: House, flight: Flight<Kept | undefined>, errand: Errand) {
    this.house = house
    this.flight = flight
    this.errand = errand
  }
}

/**
 * Sends a request for what an entry stands for through the whole app, with the fields that are in its key (decision 0006),
 * and those that the rule ignores: middleware further out may want them. Where a function makes the key, it may want any.
 * The flight is over when the reply is, whatever became of it.
 *
 * @param names fields that the page varies by
 */
export const refresh = (
  exchange: Exchange,
  cause: Refresh,
  slots: Slots,
  rule: Rule,
  names: readonly string[],
): Flight<Kept | undefined> => {
  const { flight, house } = cause
  const { stopping } = house
  const stop = (): void => flight.abort(stopping.reason)
  stopping.addEventListener('abort', stop, { once: true })
  if (stopping.aborted) stop()
  void send(exchange, cause, rule, names)
    .catch((error: unknown) => flight.fail(error))
    .finally(() => {
      stopping.removeEventListener('abort', stop)
      slots.end(flight)
      // The app may have answered without asking the cache.
      if (!flight.settled) flight.answer(undefined)
    })
  return flight

  async function send(
    from: Exchange,
    to: Refresh,
    { body }: Rule,
    varying: readonly string[],
  ): Promise<void> {
    const content = from.method === 'GET' ? undefined : await from.content(body)
    const reply = await from.inject({
      method: from.method === 'HEAD' ? 'GET' : from.method,
      url: from.url,
      headers: {
        ...(hasFunction(rule) && othersOf(from)),
        ...hostOf(from),
        ...keyedFields(from, rule, [...varying, ...ignored(rule)]),
      },
      cause: to,
      signal: flight.signal,
      ...(content && { body: content }),
    })
    await drain(reply, flight.signal)
  }
}

/** Of one request or its connection, or a user's credentials. */
const own =
  /^(?::.*|if-.*|range|cookie|authorization|proxy-authorization|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length)$/

/** What a function of the rule's may have made the key of. */
const othersOf = ({ headers }: Exchange): Record<string, string> => {
  const fields: Record<string, string> = {}
  for (const name of Object.keys(headers)) {
    const value = own.test(name) ? undefined : fieldOf(headers, name)
    if (value !== undefined) fields[name] = value
  }
  return fields
}

/** What does not count but lets a request in. An isolated handler does without. */
const ignored = ({ isolate, authorization, cookies }: Rule): readonly string[] => [
  ...(authorization === 'ignore' && !isolate ? ['authorization'] : []),
  ...(cookies === 'ignore' && !isolate ? ['cookie'] : []),
]
