import type { Clock } from '@millrace/core'
import type { Entry } from '../entry.ts'
import type { Near } from '../near.ts'
import type { Locker } from '../tier.ts'
import type { Demotion } from './demotion.ts'
import { Flights } from './flight.ts'
import { Kept } from './kept.ts'
import { encodeKey, namespaceOf, prefixesOf } from './key.ts'
import { type Mark, Marks, unmarked } from './marks.ts'
import type { Resolved } from './options.ts'
import { Prefetches } from './prefetch.ts'
import type { Stamps } from './stamps.ts'
import type { Tally } from './stats.ts'

/** Where a key is: its namespace, and those around it, outermost first. */
export interface Place {
  readonly prefix: string
  readonly prefixes: readonly string[]
}

export const placeOf = (full: string): Place => ({ prefix: namespaceOf(full), prefixes: prefixesOf(full) })

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
  readonly demotion: Demotion | undefined
  readonly random: () => number
  readonly tags: Marks
  readonly clears: Marks
  readonly loads: Flights<Kept>
  readonly looks: Flights<Kept | undefined>
  readonly runs: Flights<Kept | undefined>
  /** By the prefix of their namespace. */
  readonly prefetches: Prefetches
  readonly trust: Trust
}

/** Counts the reasons to look again at what memory holds. */
export class Trust {
  /** Clears and gaps so far. */
  doubts = 0
  /** How many there were at the last gap: what was checked before it has to be looked for in the tiers. */
  gaps = 0
  /** When that was, in milliseconds since 1970. */
  gapAt = 0
  /** Notices are being missed. */
  deaf = false

  doubt(): void {
    this.doubts++
  }

  gap(at: number): void {
    this.doubts++
    this.gaps = this.doubts
    this.gapAt = at
    this.deaf = false
  }
}

const most = 10_000

export const memoryState = (): Pick<
  Engine,
  'tags' | 'clears' | 'loads' | 'looks' | 'runs' | 'prefetches' | 'trust'
> => ({
  tags: new Marks(most),
  clears: new Marks(most),
  loads: new Flights(),
  looks: new Flights(),
  runs: new Flights(),
  prefetches: new Prefetches(),
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
  const isLater = entry.createdAt > engine.clears.latest && entry.createdAt > engine.tags.latest
  const mark = isLater ? unmarked : invalidated(engine, place, entry.tags ?? none)
  const also = isLater || asked.length === 0 ? mark : invalidated(engine, place, asked)
  if (entry.createdAt <= Math.max(mark.deletedAt, also.deletedAt)) return 'gone'
  if (entry.freshUntil === 0 || entry.createdAt <= Math.max(mark.expiredAt, also.expiredAt)) {
    return now < entry.staleUntil ? 'expired' : 'gone'
  }
  return now < entry.freshUntil ? 'fresh' : 'stale'
}

/** Whether what memory held may be given to anybody who finds it elsewhere. */
export const holds = (engine: Engine, full: string, kept: Kept): boolean =>
  // Where notices were missed it is not known.
  kept.checked >= engine.trust.gaps && judge(engine, placeOf(full), kept, engine.clock.now()) === 'fresh'

/**
 * Keeps an entry in memory, unless a later one is there.
 *
 * @param checked the doubts that there were when it was known to hold: before a tier was asked for it, or its load began, as
 *   a gap may come meanwhile
 * @param isDemoted whether the tier that gets what memory lets go of has it already
 */
export const keepNear = (
  engine: Engine,
  key: string,
  entry: Entry,
  options: Resolved,
  checked: number,
  isDemoted = false,
): Kept => {
  const { near, clock } = engine
  const ttl = options.tierTtl.get(near.name)
  const freshUntil = ttl === undefined ? entry.freshUntil : Math.min(entry.freshUntil, clock.now() + ttl)
  const isMade = entry instanceof Kept && entry.freshUntil === freshUntil
  const kept = isMade ? entry : new Kept(entry, options, checked, freshUntil)
  kept.checked = checked
  if (options.tiers !== undefined && !options.tiers.includes(near.name)) return kept
  const known = near.get(key)
  if (known !== undefined && known.createdAt > kept.createdAt) return kept
  engine.demotion?.keep(kept, options, isDemoted)
  if (!near.set(key, kept)) engine.demotion?.offer(key, kept)
  return kept
}

/** Makes what memory holds a fallback at best, where it is not later than `at`. */
export const soften = (engine: Engine, key: string, at: number, options: Resolved): void => {
  const known = nearGet(engine, key)
  if (known === undefined || known.createdAt > at) return
  if (known.staleUntil <= engine.clock.now()) engine.near.delete(key)
  else engine.near.set(key, new Kept(known, options, engine.trust.doubts, 0))
}

export const fence = (engine: Engine, key: string, at: number, deleted: boolean): void => {
  engine.loads.fence(key, at, deleted)
  engine.looks.fence(key, at, deleted)
  engine.runs.fence(key, at, deleted)
  engine.demotion?.fence(key, at)
}
