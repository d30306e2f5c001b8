import { type Entry, plainEntry } from '../entry.ts'
import { type Engine, judge, keepNear, nearGet, type Place, type Standing } from './engine.ts'
import type { Flight } from './flight.ts'
import type { Named } from './followers.ts'
import { Kept } from './kept.ts'
import { prefixesOf } from './key.ts'
import type { Shop } from './load.ts'
import type { Resolved } from './options.ts'
import { learnerOf, type Prefetch } from './prefetch.ts'
import { Search } from './search.ts'
import { spread } from './spread.ts'
import { takeTurn } from './turn.ts'

/** What a run has brought, and how long it is good for. */
export type Content = Omit<Entry, 'createdAt'>

/**
 * The cache for those who decide by themselves what is fresh enough and who runs: entries whatever their standing, and
 * runs that many may wait for. What a run brings is kept unless its key or one of its tags was invalidated since it began.
 */
export class Slots {
  readonly #shop: Shop
  readonly #engine: Engine
  readonly #place: Place
  readonly #prefix: string
  readonly #options: Resolved
  readonly #writes = new WeakMap<Flight<Kept | undefined>, Promise<unknown>>()

  constructor(shop: Shop, prefix: string, options: Resolved) {
    this.#shop = shop
    this.#engine = shop.engine
    this.#place = { prefix, prefixes: prefixesOf(prefix) }
    this.#prefix = prefix
    this.#options = options
  }

  /** From 0 to 1. */
  random(): number {
    return this.#engine.random()
  }

  /** What memory has and may be believed without asking the tiers. It may be over: see {@link standing}. */
  near(key: string): Kept | undefined {
    const { near, trust } = this.#engine
    const entry = near.get(this.#prefix + key)
    if (!(entry instanceof Kept)) return undefined
    if (entry.checked < trust.gaps && this.#shop.far.tiers.length > 0) return undefined
    return entry
  }

  /** It has been served: counted, with what it saved. */
  served(key: string, kept: Kept): void {
    this.#engine.tally.nearHit(this.#prefix + key, kept.cost)
  }

  standing(kept: Kept, now: number = this.#engine.clock.now()): Standing {
    const { trust } = this.#engine
    if (kept.plainUntil > now && kept.checked === trust.doubts) return 'fresh'
    const standing = judge(this.#engine, this.#place, kept, now)
    // What has not been looked for since a gap has to be, however it is judged here.
    if (standing === 'fresh' && kept.checked >= trust.gaps) kept.checked = trust.doubts
    return standing
  }

  /** What is kept in memory or in the tiers behind it, unless it is gone. */
  async find(key: string): Promise<Kept | undefined> {
    const trusted = this.near(key)
    if (trusted !== undefined && this.standing(trusted) === 'fresh') return trusted
    const full = this.#prefix + key
    const known = nearGet(this.#engine, full)
    if (this.#shop.far.tiers.length === 0) return this.#unlessGone(known)
    let look = this.#engine.looks.get(full)
    if (look === undefined) {
      look = this.#engine.looks.start(full, this.#engine.stamps.next())
      void this.#look(look, known, trusted !== undefined)
    }
    return look.join()
  }

  /** The run under way for a key. */
  run(key: string): Flight<Kept | undefined> | undefined {
    return this.#engine.runs.get(this.#prefix + key)
  }

  /** Begins one. What it brings is for all who have joined it; undefined when they are to look again. */
  start(key: string): Flight<Kept | undefined> {
    const flight = this.#engine.runs.start(this.#prefix + key, this.#engine.stamps.next())
    flight.background = true
    flight.doubts = this.#engine.trust.doubts
    return flight
  }

  /** Learns which key is read after which. @param has whether one is there, or on its way */
  learner<K>(has: (read: Named<K>) => boolean): Prefetch<K> {
    return learnerOf(this.#engine, this.#prefix, has)
  }

  /** Nobody joins it any more, though it goes on. */
  leave(flight: Flight<Kept | undefined>): void {
    this.#engine.runs.leave(flight)
  }

  /** It is over. */
  end(flight: Flight<Kept | undefined>): void {
    this.#engine.runs.end(flight)
  }

  /**
   * One process runs for all, where a locker is there and the options say so; the others wait for what it brings.
   *
   * @returns what another process has brought; undefined when this one is to run, and to call `release` after it
   */
  turn(key: string, found: () => Promise<Kept | undefined>): ReturnType<typeof takeTurn<Kept>> {
    return takeTurn(this.#engine, this.#prefix + key, this.#options, found)
  }

  /** What the tiers have of a run's key that is fresh, and later than what is known: another process has brought it. */
  async newer(flight: Flight<Kept | undefined>, known: Kept | undefined): Promise<Kept | undefined> {
    const after = known?.createdAt ?? 0
    const search = new Search(flight.key, flight, after, true, this.#engine.trust.doubts)
    await this.#shop.far.look(this.#place, Array.of(search), this.#options)
    return search.standing === 'fresh' ? search.kept : undefined
  }

  /** What a run has brought, as an entry that is not kept yet. */
  entry(flight: Flight<Kept | undefined>, content: Content): Kept {
    return new Kept({ ...content, createdAt: flight.startedAt }, this.#options, flight.doubts)
  }

  /** Keeps it, under the run's own key or another one, unless it has been invalidated since the run began. */
  keep(flight: Flight<Kept | undefined>, content: Content, key?: string): Kept {
    const engine = this.#engine
    const entry: Entry = { ...content, createdAt: flight.startedAt }
    const standing = judge(engine, this.#place, entry, engine.clock.now())
    if (flight.fenced || standing === 'gone' || standing === 'expired') return this.entry(flight, content)
    const full = key === undefined ? flight.key : this.#prefix + key
    const kept = keepNear(engine, full, entry, this.#options, flight.doubts)
    if (this.#shop.far.written(this.#options).length > 0) {
      this.#writes.set(
        flight,
        Promise.all([this.#writes.get(flight), spread(this.#shop, full, kept, this.#options)]),
      )
    }
    return kept
  }

  /**
   * Keeps an entry with another value in its place, as long as it is still there.
   *
   * @returns the entry as it is now
   */
  amend(key: string, kept: Kept, value: unknown): Kept | undefined {
    const full = this.#prefix + key
    if (nearGet(this.#engine, full) !== kept) return undefined
    const amended = keepNear(this.#engine, full, { ...plainEntry(kept), value }, this.#options, kept.checked)
    void spread(this.#shop, full, amended, this.#options)
    return amended
  }

  /** What is there is not to be brought anew before `until`, as a run for it has failed. */
  rest({ key, fencedAt }: Flight<Kept | undefined>, kept: Kept, until: number): void {
    kept.retryAt = until
    // What was invalidated meanwhile does not come back.
    if (kept.createdAt > fencedAt && nearGet(this.#engine, key) === undefined)
      this.#engine.near.set(key, kept)
  }

  /** Keeps it in this process's memory alone. */
  note(key: string, content: Content): void {
    keepNear(
      this.#engine,
      this.#prefix + key,
      { ...content, createdAt: this.#engine.stamps.next() },
      this.#options,
      this.#engine.trust.doubts,
    )
  }

  /** When what a run has brought is in the tiers where others look for it. */
  async written(flight: Flight<Kept | undefined>): Promise<void> {
    await this.#writes.get(flight)
  }

  /** @param isTrusted whether what is known counts where the tiers answer that they have nothing */
  async #look(look: Flight<Kept | undefined>, known: Kept | undefined, isTrusted: boolean): Promise<void> {
    const { far, engine } = this.#shop
    try {
      const search = new Search(look.key, look, known?.createdAt ?? 0, false, engine.trust.doubts)
      await far.look(this.#place, Array.of(search), this.#options)
      const { kept, standing, answered, tier = '' } = search
      if (kept !== undefined && standing === 'fresh') engine.tally.farHit(look.key, tier, kept.cost)
      if (kept !== undefined && kept.createdAt >= look.fencedAt) look.answer(kept)
      else look.answer(look.deleted || (answered && !isTrusted) ? undefined : this.#unlessGone(known))
    } catch (error) {
      look.fail(error)
    } finally {
      engine.looks.end(look)
    }
  }

  #unlessGone(kept: Kept | undefined): Kept | undefined {
    return kept !== undefined && this.standing(kept) !== 'gone' ? kept : undefined
  }
}
