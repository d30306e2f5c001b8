import type { Clock } from '@millrace/core'
import type { Entry } from '../entry.ts'
import type { Near } from '../near.ts'
import type { Locker } from '../tier.ts'
import { Flights } from './flight.ts'
import { Kept } from './kept.ts'
import { encodeKey } from './key.ts'
import { type Mark, Marks } from './marks.ts'
import type { Resolved } from './options.ts'
import type { Stamps } from './stamps.ts'
import type { Tally } from './stats.ts'

/** Where a key is: its namespace, and those around it, outermost first. */
export interface Place {
  readonly prefix: string
  readonly prefixes: readonly string[]
}

/**
 * - `fresh`: may be served.
 * - `stale`: past its time.
 * - `expired`: invalidated softly: a fallback when the load fails or takes long, no more.
 * - `gone`: may not be served.
 */
export type Standing = 'fresh' | 'stale' | 'expired' | 'gone'

/** What is shared by all namespaces of a cache in this process's memory. */
export interface Engine {
  readonly name: string
  readonly clock: Clock
  readonly stamps: Stamps
  readonly near: Near
  readonly tally: Tally
  readonly locker: Locker | undefined
  readonly random: () => number
  readonly tags: Marks
  readonly clears: Marks
  readonly loads: Flights<Kept>
  readonly looks: Flights<Kept | undefined>
  /** What was checked until then is looked at again before it is handed out. */
  readonly trust: Trust
}

export class Trust {
  /** A clear or a gap. */
  since = 0
  /** A gap: what was checked until then has to be looked for in the tiers. */
  gapAt = 0
}

const most = 10_000

export const memoryState = (): Pick<Engine, 'tags' | 'clears' | 'loads' | 'looks' | 'trust'> => ({
  tags: new Marks(most),
  clears: new Marks(most),
  loads: new Flights(),
  looks: new Flights(),
  trust: new Trust(),
})

/** What the near tier holds, if it is a thing of this engine. */
export const nearGet = ({ near }: Engine, key: string): Kept | undefined => {
  const entry = near.get(key)
  return entry instanceof Kept ? entry : undefined
}

/** What the marks of a tag are kept under: tags belong to the namespace that gives them. */
export const tagName = (place: Place, tag: string): string => place.prefix + encodeKey(tag)

/** The later of all marks that hold for an entry. */
export const invalidated = (engine: Engine, place: Place, tags: readonly string[]): Mark => {
  let deletedAt = 0
  let expiredAt = 0
  for (const prefix of place.prefixes) {
    const mark = engine.clears.of(prefix)
    deletedAt = Math.max(deletedAt, mark.deletedAt)
    expiredAt = Math.max(expiredAt, mark.expiredAt)
  }
  for (const tag of tags) {
    const mark = engine.tags.of(tagName(place, tag))
    deletedAt = Math.max(deletedAt, mark.deletedAt)
    expiredAt = Math.max(expiredAt, mark.expiredAt)
  }
  return { deletedAt, expiredAt }
}

const none: readonly string[] = []

/** @param asked the tags that the reader gives it, which may be others than those it was kept with */
export const judge = (
  engine: Engine,
  place: Place,
  entry: Entry,
  now: number,
  asked: readonly string[] = none,
): Standing => {
  if (now >= entry.freshUntil && now >= entry.staleUntil) return 'gone'
  const mark = invalidated(engine, place, entry.tags ?? none)
  const also = asked.length === 0 ? mark : invalidated(engine, place, asked)
  if (entry.createdAt <= Math.max(mark.deletedAt, also.deletedAt)) return 'gone'
  if (entry.freshUntil === 0 || entry.createdAt <= Math.max(mark.expiredAt, also.expiredAt)) {
    return now < entry.staleUntil ? 'expired' : 'gone'
  }
  return now < entry.freshUntil ? 'fresh' : 'stale'
}

/** Keeps an entry in memory, unless a later one is there. */
export const keepNear = (engine: Engine, key: string, entry: Entry, options: Resolved): Kept => {
  const { near, clock } = engine
  const ttl = options.tierTtl.get(near.name)
  const freshUntil = ttl === undefined ? entry.freshUntil : Math.min(entry.freshUntil, clock.now() + ttl)
  const kept = new Kept(entry, options, engine.stamps.next(), freshUntil)
  if (options.tiers !== undefined && !options.tiers.includes(near.name)) return kept
  const known = near.get(key)
  if (known === undefined || known.createdAt <= kept.createdAt) near.set(key, kept)
  return kept
}

/** Makes what memory holds a fallback at best, where it is not later than `at`. */
export const soften = (engine: Engine, key: string, at: number, options: Resolved): void => {
  const known = nearGet(engine, key)
  if (known === undefined || known.createdAt > at) return
  if (known.staleUntil <= engine.clock.now()) engine.near.delete(key)
  else engine.near.set(key, new Kept(known, options, engine.stamps.next(), 0))
}

export const fence = (engine: Engine, key: string, at: number, deleted: boolean): void => {
  engine.loads.fence(key, at, deleted)
  engine.looks.fence(key, at, deleted)
}
