import { DeadlineError, within } from '@millrace/core'
import { type Factory, Run } from './context.ts'
import { type Engine, judge, keepNear, nearGet, type Place } from './engine.ts'
import type { FarTiers } from './far-tiers.ts'
import type { Flight } from './flight.ts'
import { Kept } from './kept.ts'
import { entryOf } from './life.ts'
import type { Resolved } from './options.ts'
import { Search } from './search.ts'
import { spread } from './spread.ts'
import { takeTurn } from './turn.ts'
import type { Wire } from './wire.ts'

/** Everything that a load uses. */
export interface Shop {
  readonly engine: Engine
  readonly far: FarTiers
  readonly wire: Wire
}

/**
 * Why a load runs: somebody waits for it (`asked`), or was answered without it, by what is `stale` or, still fresh, to be
 * renewed early (`eager`); or nobody has asked yet (`ahead`).
 */
export type Why = 'asked' | 'stale' | 'eager' | 'ahead'

/** One run for a key, from the first look at the tiers to the last write. */
export class Load<V> {
  readonly #shop: Shop
  readonly #place: Place
  readonly #flight: Flight<Kept>
  readonly #factory: Factory<V>
  readonly #options: Resolved
  readonly #why: Why
  /** What may be served when the factory fails, or is compared with what it brings. */
  #before: Kept | undefined

  constructor(
    shop: Shop,
    place: Place,
    flight: Flight<Kept>,
    factory: Factory<V>,
    options: Resolved,
    before: Kept | undefined,
    why: Why,
  ) {
    this.#shop = shop
    this.#place = place
    this.#flight = flight
    this.#factory = factory
    this.#options = options
    this.#before = before
    this.#why = why
  }

  async run(): Promise<void> {
    const { engine, far } = this.#shop
    const flight = this.#flight
    try {
      // What was there is still fresh for who is eager: only something later ends the run.
      if (far.tiers.length > 0) {
        const search = this.#search(this.#why === 'eager')
        await this.#look(search)
        if (this.#takes(search)) return
      }
      const before = this.#before
      if (before !== undefined && before.retryAt > engine.clock.now()) {
        this.#serveStale(before)
        return
      }
      await this.#loadInTurn()
    } catch (error) {
      flight.fail(error)
    } finally {
      engine.loads.end(flight)
    }
  }

  #search(strictly: boolean): Search {
    const flight = this.#flight
    const after = this.#before?.createdAt ?? 0
    return new Search(flight.key, flight, after, strictly, this.#shop.engine.trust.doubts)
  }

  #look(search: Search): Promise<void> {
    return this.#shop.far.look(this.#place, Array.of(search), this.#options)
  }

  /** @returns whether the tiers had what was wanted */
  #takes(found: Search): boolean {
    const { engine } = this.#shop
    const before = this.#before
    if (found.standing === 'fresh') return this.#land(found)
    if (!found.answered && this.#isUnchecked(before)) {
      // Nobody can be asked whether it still holds.
      if (this.#isAsked) engine.tally.nearHit(this.#flight.key, before.cost)
      this.#end(before)
      return true
    }
    const { kept } = found
    if (kept === undefined || found.standing === 'gone') return false
    kept.retryAt = before?.retryAt ?? 0
    this.#before = kept
    if (found.standing === 'stale' && engine.clock.now() < kept.freshUntil + this.#options.swr)
      this.#serveStale(kept)
    return false
  }

  #isUnchecked(before: Kept | undefined): before is Kept {
    const { engine } = this.#shop
    return (
      before !== undefined &&
      before.checked < engine.trust.gaps &&
      judge(engine, this.#place, before, engine.clock.now(), this.#options.tags) === 'fresh'
    )
  }

  #land({ kept, tier = '' }: Search): boolean {
    if (kept === undefined) return false
    if (this.#isAsked) this.#shop.engine.tally.farHit(this.#flight.key, tier, kept.cost)
    this.#end(kept)
    return true
  }

  /** Who comes later finds it in memory, or begins anew. */
  #end(kept: Kept): void {
    this.#shop.engine.loads.end(this.#flight)
    this.#flight.answer(kept)
  }

  #serveStale(kept: Kept): void {
    if (this.#flight.settled) return
    if (this.#isAsked) this.#shop.engine.tally.staleHit(this.#flight.key, kept.cost)
    this.#flight.answer(kept)
  }

  /** One process loads, the others wait for it. */
  async #loadInTurn(): Promise<void> {
    const { engine } = this.#shop
    const look = async (): Promise<true | undefined> => {
      const search = this.#search(false)
      await this.#look(search)
      return this.#takes(search) || undefined
    }
    const turn = await takeTurn(engine, this.#flight.key, this.#options, look)
    if (turn.brought) return
    try {
      await this.#load()
    } finally {
      await turn.release()
    }
  }

  async #load(): Promise<void> {
    const flight = this.#flight
    const options = this.#options
    const { clock, stamps, tally, random, trust } = this.#shop.engine
    const before = this.#before
    if (flight.signal.aborted) return
    if (this.#isAsked && !flight.settled) tally.miss(flight.key)
    const soft =
      before === undefined ? undefined : clock.after(options.softTimeout, () => this.#serveInTime(before))
    const createdAt = stamps.next()
    const { doubts } = trust
    const began = clock.elapsed()
    const run = new Run<V>(flight, before)
    const finish = async (value: V): Promise<void> => {
      const cost = clock.elapsed() - began
      tally.load(flight.key, cost)
      const { ttl, tags, validator, unchanged } = run
      const brought = { value, createdAt, cost, ttl, tags, validator, unchanged }
      const kept = new Kept(entryOf(brought, before, options, clock.now(), random), options, doubts)
      const written = run.skipped ? undefined : this.#keep(kept)
      this.#end(kept)
      await written
    }
    const work = this.#work(run)
    try {
      await finish(
        await within(clock, options.hardTimeout, work, `the load took over ${options.hardTimeout} ms`),
      )
    } catch (error) {
      tally.load(flight.key, clock.elapsed() - began, error)
      this.#fallBack(error)
      if (!(error instanceof DeadlineError)) return
      // It may never end, so nobody waits for it from here on.
      if (options.background) void work.then(finish).catch(() => {})
      else flight.abort(error)
    } finally {
      soft?.cancel()
    }
  }

  /** Whether a reader is counted by how this ends; others have been counted already. */
  get #isAsked(): boolean {
    return this.#why === 'asked'
  }

  async #work(run: Run<V>): Promise<V> {
    return this.#factory(run)
  }

  /** Keeps what has been brought, unless it has been invalidated since the load began. */
  async #keep(kept: Kept): Promise<void> {
    const { engine } = this.#shop
    const { key, fenced } = this.#flight
    const standing = judge(engine, this.#place, kept, engine.clock.now(), this.#options.tags)
    if (fenced || standing === 'gone' || standing === 'expired') return
    keepNear(engine, key, kept, this.#options, kept.checked)
    await spread(this.#shop, key, kept, this.#options)
  }

  /** @returns what may be served in place of what the factory did not bring */
  #fallback(): Kept | undefined {
    const { engine } = this.#shop
    const before = this.#before
    if (before === undefined || this.#flight.deleted) return undefined
    const standing = judge(engine, this.#place, before, engine.clock.now(), this.#options.tags)
    return standing === 'gone' ? undefined : before
  }

  #fallBack(error: unknown): void {
    const { engine } = this.#shop
    const before = this.#options.staleIfError > 0 || this.#flight.settled ? this.#fallback() : undefined
    if (before !== undefined) {
      before.retryAt = engine.clock.now() + this.#options.errorThrottle
      const known = nearGet(engine, this.#flight.key)
      if (known === undefined) engine.near.set(this.#flight.key, before)
      else if (known.createdAt === before.createdAt) known.retryAt = before.retryAt
    }
    engine.loads.end(this.#flight)
    if (before !== undefined && this.#options.staleIfError > 0) this.#serveStale(before)
    this.#flight.fail(error)
  }

  #serveInTime(before: Kept): void {
    if (this.#fallback() !== before || this.#flight.settled) return
    this.#serveStale(before)
  }
}
