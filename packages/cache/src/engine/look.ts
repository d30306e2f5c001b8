import { judge, type Place } from './engine.ts'
import type { Flight } from './flight.ts'
import type { Kept } from './kept.ts'
import type { Shop } from './load.ts'
import type { Resolved } from './options.ts'
import { Search } from './search.ts'

/** A key that memory does not answer for, and what memory has of it all the same. */
type Wanted = ReadonlyMap<string, Kept | undefined>

/**
 * Fresh values from the tiers for what memory does not have, in order; each key is looked for once, however many ask.
 *
 * @param signal ends the waiting of this caller alone
 */
export const find = async (
  shop: Shop,
  place: Place,
  wanted: Wanted,
  options: Resolved,
  signal: AbortSignal | undefined,
): Promise<(Kept | undefined)[]> => {
  const { engine, far } = shop
  const isAsked = far.used(options).length > 0
  const begun: Flight<Kept | undefined>[] = []
  const joined = [...wanted.keys()].map((key) => {
    const underway = engine.looks.get(key)
    if (underway !== undefined || !isAsked) return underway?.join(signal)
    const flight = engine.looks.start(key, engine.stamps.next())
    begun.push(flight)
    return flight.join(signal)
  })
  if (begun.length > 0) void look(shop, place, begun, wanted, options)
  const found = await Promise.all(joined)
  for (const [index, key] of [...wanted.keys()].entries()) {
    if (found[index] === undefined) engine.tally.miss(key)
  }
  return found
}

const look = async (
  { engine, far }: Shop,
  place: Place,
  flights: readonly Flight<Kept | undefined>[],
  wanted: Wanted,
  options: Resolved,
): Promise<void> => {
  try {
    const searches = flights.map((flight) => {
      const after = wanted.get(flight.key)?.createdAt ?? 0
      return new Search(flight.key, flight, after, false, engine.trust.doubts)
    })
    await far.look(place, searches, options)
    for (const [index, flight] of flights.entries()) {
      const { kept, standing, answered = false, tier = '' } = searches[index] ?? {}
      const known = wanted.get(flight.key)
      if (kept !== undefined && standing === 'fresh') {
        engine.tally.farHit(flight.key, tier, kept.cost)
        flight.answer(kept)
      } else if (
        known !== undefined &&
        !answered &&
        !flight.deleted &&
        judge(engine, place, known, engine.clock.now(), options.tags) === 'fresh'
      ) {
        // It cannot be asked whether it still holds.
        engine.tally.nearHit(flight.key, known.cost)
        flight.answer(known)
      } else flight.answer(undefined)
    }
  } catch (error) {
    for (const flight of flights) flight.fail(error)
  } finally {
    for (const flight of flights) engine.looks.end(flight)
  }
}
