import type { Clock } from '@millrace/core'
import type { Entry } from '../entry.ts'
import type { Near } from '../near.ts'
import type { Notice } from '../tier.ts'
import type { Factory } from './context.ts'
import { fence, judge, keepNear, nearGet, type Place, soften, type Trust, tagName } from './engine.ts'
import type { Flight } from './flight.ts'
import type { Named } from './followers.ts'
import { answer, handOut, Kept } from './kept.ts'
import { encodeKey, type Key, prefixesOf, prefixOf, reserved } from './key.ts'
import { entryOf, renewed } from './life.ts'
import { Load, type Shop, type Why } from './load.ts'
import { find } from './look.ts'
import { type CallOptions, type Options, type Resolved, resolve } from './options.ts'
import { type Bring, learnerOf, type Prefetch, type PrefetchOptions } from './prefetch.ts'
import { Slots } from './slots.ts'
import type { Tally } from './stats.ts'
import { walk } from './walk.ts'

/** What may be said for a namespace besides. */
export interface SpaceOptions extends Options {
  /** Loads what is likely to be asked for next, before it is; learnt from `get` and `getOrSet` of this object. Default none. */
  readonly prefetch?: PrefetchOptions
}

/** A namespace of a cache: what is done here is done to its own keys and tags, and to those of the namespaces in it. */
export class Space {
  protected readonly shop: Shop
  protected readonly options: Resolved
  readonly #place: Place
  readonly #prefix: string
  readonly #resolved = new WeakMap<Options, Resolved>()
  // What a hit touches, without a way around.
  readonly #near: Near
  readonly #clock: Clock
  readonly #trust: Trust
  readonly #tally: Tally
  readonly #prefetch: { readonly learner: Prefetch<Key>; readonly bring: Bring<Key> } | undefined

  constructor(shop: Shop, prefix: string, options: Resolved, prefetch?: PrefetchOptions) {
    this.shop = shop
    this.options = options
    this.#prefix = prefix
    const { near, clock, trust, tally } = shop.engine
    this.#near = near
    this.#clock = clock
    this.#trust = trust
    this.#tally = tally
    this.#place = { prefix, prefixes: prefixesOf(prefix) }
    this.#prefetch = prefetch && this.#prefetching(prefetch)
  }

  /** A fresh value; undefined when there is none. */
  get<V = unknown>(key: Key, options?: CallOptions): Promise<V | undefined> {
    const { engine } = this.shop
    const full = this.#fullKey(key)
    this.#prefetch?.learner.read({ key, name: full }, this.#prefetch.bring)
    const known = nearGet(engine, full)
    if (known !== undefined && (this.#isPlain(known, options) || this.#isFresh(full, known, options))) {
      engine.tally.nearHit(full, known.cost)
      return answer<V>(known)
    }
    return this.#find(full, known, options).then((kept) => kept && handOut<V>(kept))
  }

  /** One answer for each key, in order. */
  async getMany<V = unknown>(keys: readonly Key[], options?: CallOptions): Promise<(V | undefined)[]> {
    const { engine } = this.shop
    const kept = new Map<string, Kept | undefined>()
    const wanted = new Map<string, Kept | undefined>()
    const names = keys.map((key) => this.#fullKey(key))
    for (const name of new Set(names)) {
      const known = nearGet(engine, name)
      if (known === undefined || !this.#isFresh(name, known, options)) wanted.set(name, known)
      else {
        engine.tally.nearHit(name, known.cost)
        kept.set(name, known)
      }
    }
    if (wanted.size > 0) {
      const found = await find(this.shop, this.#place, wanted, this.#resolve(options), options?.signal)
      for (const [index, name] of [...wanted.keys()].entries()) kept.set(name, found[index])
    }
    return names.map((name) => {
      const entry = kept.get(name)
      return entry && handOut<V>(entry)
    })
  }

  /** The value of a key; where there is no fresh one, the factory brings it, once for all who ask meanwhile. */
  getOrSet<V>(key: Key, factory: Factory<V>, options?: CallOptions): Promise<V> {
    const full = this.#fullKey(key)
    this.#prefetch?.learner.read({ key, name: full }, this.#prefetch.bring)
    const entry = this.#near.get(full)
    const known = entry instanceof Kept ? entry : undefined
    if (known !== undefined && this.#isPlain(known, options)) {
      this.#tally.nearHit(full, known.cost)
      return answer<V>(known)
    }
    return this.#bring(full, known, factory, options)
  }

  /** Resolves when every tier has answered or missed its deadline. */
  set(key: Key, value: unknown, options?: Options): Promise<void> {
    return this.setMany([[key, value]], options)
  }

  async setMany(values: Iterable<readonly [Key, unknown]>, options?: Options): Promise<void> {
    const { engine, far } = this.shop
    const resolved = this.#resolve(options)
    const entries: [string, Entry][] = []
    const at = engine.stamps.next()
    for (const [key, value] of values) {
      const full = this.#fullKey(key)
      const entry = entryOf({ value, createdAt: at }, undefined, resolved, engine.clock.now(), engine.random)
      fence(engine, full, at, true)
      entries.push([full, keepNear(engine, full, entry, resolved, engine.trust.doubts)])
    }
    if (entries.length === 0) return
    const names = entries.map(([full]) => full)
    const [written] = await Promise.all([far.write(entries, resolved), far.supersede(names, at, resolved)])
    await this.#tell(written, { kind: 'set', names, at })
  }

  /** Whether there is a fresh value. */
  async has(key: Key, options?: CallOptions): Promise<boolean> {
    const full = this.#fullKey(key)
    const known = nearGet(this.shop.engine, full)
    if (known !== undefined && this.#isFresh(full, known, options)) return true
    return (await this.#find(full, known, options)) !== undefined
  }

  /** The value is not fresh any more, and stays as a fallback for loads that fail. */
  async expire(key: Key): Promise<void> {
    const { engine, far } = this.shop
    const full = this.#fullKey(key)
    const at = engine.stamps.next()
    fence(engine, full, at, false)
    soften(engine, full, at, this.options)
    await this.#tell(await far.expire(full, at, this.options), { kind: 'expire', names: [full], at })
  }

  async delete(key: Key): Promise<void> {
    const { engine, far } = this.shop
    const full = this.#fullKey(key)
    const at = engine.stamps.next()
    fence(engine, full, at, true)
    engine.near.delete(full)
    await this.#tell(await far.delete([full], at, this.options), { kind: 'delete', names: [full], at })
  }

  /** Every value with this tag is gone, however many there are. */
  deleteTag(tag: string): Promise<void> {
    const at = this.shop.engine.stamps.next()
    const name = tagName(this.#place, tag)
    this.shop.engine.tags.raise(name, { deletedAt: at, expiredAt: 0 })
    return this.#mark('d', name, { kind: 'tag-delete', names: [name], at })
  }

  /** Every value with this tag is a fallback for loads that fail, and no more. */
  expireTag(tag: string): Promise<void> {
    const at = this.shop.engine.stamps.next()
    const name = tagName(this.#place, tag)
    this.shop.engine.tags.raise(name, { deletedAt: 0, expiredAt: at })
    return this.#mark('e', name, { kind: 'tag-expire', names: [name], at })
  }

  /** Everything here is gone; with `soft`, it stays as a fallback for loads that fail. */
  clear({ soft = false }: { readonly soft?: boolean } = {}): Promise<void> {
    const { clears, near, stamps, trust } = this.shop.engine
    const at = stamps.next()
    const prefix = this.#prefix
    clears.raise(prefix, soft ? { deletedAt: 0, expiredAt: at } : { deletedAt: at, expiredAt: 0 })
    trust.doubt()
    if (soft) return this.#mark('x', prefix, { kind: 'tag-expire', names: [prefix + reserved], at })
    near.clear(prefix)
    return this.#mark('c', prefix, { kind: 'clear', names: [prefix], at })
  }

  /** Keys and tags of their own, under a name. */
  namespace(name: string, { prefetch, ...defaults }: SpaceOptions = {}): Space {
    return new Space(this.shop, this.#prefix + prefixOf(name), resolve(this.options, defaults), prefetch)
  }

  /** For those who decide by themselves what is fresh. */
  slots(defaults: Options = {}): Slots {
    return new Slots(this.shop, this.#prefix, resolve(this.options, defaults))
  }

  /** What is kept here, for operators: keys as they are encoded, each once, from all tiers. */
  [Symbol.asyncIterator](): AsyncGenerator<{ readonly key: string; readonly entry: Entry }> {
    return walk(this.shop, this.#prefix, this.options)
  }

  async #mark(kind: string, name: string, notice: Notice): Promise<void> {
    await this.#tell(await this.shop.far.mark(name, kind, notice, this.options), notice)
  }

  /** Where a tier was late already, nobody waits any longer: when it has taken it, the others are told again. */
  async #tell(written: boolean, notice: Notice): Promise<void> {
    const told = this.shop.wire.publish(notice)
    if (written) await told
  }

  #fullKey(key: Key): string {
    const encoded = encodeKey(key)
    return this.#prefix === '' ? encoded : this.#prefix + encoded
  }

  #resolve(options: Options | undefined): Resolved {
    if (options === undefined) return this.options
    const known = this.#resolved.get(options)
    if (known !== undefined) return known
    const resolved = resolve(this.options, options)
    this.#resolved.set(options, resolved)
    return resolved
  }

  /** Whether it is handed out without a second look. */
  #isPlain(known: Kept, options: CallOptions | undefined): boolean {
    return (
      known.plainUntil > this.#clock.now() &&
      known.checked === this.#trust.doubts &&
      options?.tags === undefined &&
      options?.tiers === undefined
    )
  }

  /** The second look. What is fresh is known to be from here on. */
  #isFresh(full: string, known: Kept, options: CallOptions | undefined): boolean {
    const { engine } = this.shop
    const resolved = this.#resolve(options)
    if (resolved.tiers !== undefined && !resolved.tiers.includes(engine.near.name)) return false
    if (known.checked < engine.trust.gaps && this.shop.far.tiers.length > 0) return false
    const now = engine.clock.now()
    if (judge(engine, this.#place, known, now, resolved.tags) !== 'fresh') return false
    known.checked = engine.trust.doubts
    if (resolved.sliding) this.#slide(full, known, resolved, now)
    return true
  }

  #slide(full: string, known: Kept, options: Resolved, now: number): void {
    const entry = renewed(known, options, now)
    if (entry === undefined) return
    keepNear(this.shop.engine, full, entry, options, known.checked)
    void this.shop.far.write([[full, entry]], options)
  }

  /** What memory does not have. */
  async #find(
    full: string,
    known: Kept | undefined,
    options: CallOptions | undefined,
  ): Promise<Kept | undefined> {
    const wanted = new Map([[full, known]])
    const [kept] = await find(this.shop, this.#place, wanted, this.#resolve(options), options?.signal)
    return kept
  }

  /** The way of `getOrSet` when memory's answer is not a plain one. */
  #bring<V>(
    full: string,
    known: Kept | undefined,
    factory: Factory<V>,
    options: CallOptions | undefined,
  ): Promise<V> {
    const { engine } = this.shop
    const resolved = this.#resolve(options)
    const now = engine.clock.now()
    if (known !== undefined && this.#isFresh(full, known, options)) {
      if (now >= known.eagerAt && now >= known.retryAt && !this.#joinable(full, resolved)) {
        this.#start(full, known, factory, resolved, 'eager')
      }
      engine.tally.nearHit(full, known.cost)
      return answer<V>(known)
    }
    const signal = options?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    const standing = known && judge(engine, this.#place, known, now, resolved.tags)
    const before = standing === 'gone' ? undefined : known
    const underway = this.#joinable(full, resolved)
    if (before !== undefined && standing === 'stale' && now < before.freshUntil + resolved.swr) {
      if (underway === undefined && now >= before.retryAt) {
        this.#start(full, before, factory, resolved, 'stale')
      }
      engine.tally.staleHit(full, before.cost)
      return answer<V>(before)
    }
    if (underway !== undefined) engine.tally.join(full)
    const flight = underway ?? this.#start(full, before, factory, resolved, 'asked')
    return flight.join(signal).then((kept) => handOut<V>(kept))
  }

  /** The load under way that this caller may share: none that began before its key was invalidated. */
  #joinable(full: string, options: Resolved): Flight<Kept> | undefined {
    const { engine } = this.shop
    const flight = engine.loads.get(full)
    if (flight === undefined) return undefined
    const began = {
      value: undefined,
      createdAt: flight.startedAt,
      freshUntil: Number.POSITIVE_INFINITY,
      staleUntil: Number.POSITIVE_INFINITY,
    }
    return judge(engine, this.#place, began, 0, options.tags) === 'fresh' ? flight : undefined
  }

  #start<V>(
    full: string,
    before: Kept | undefined,
    factory: Factory<V>,
    options: Resolved,
    why: Why,
  ): Flight<Kept> {
    const { engine } = this.shop
    const flight = engine.loads.start(full, engine.stamps.next())
    flight.background = options.background || why !== 'asked'
    void new Load(this.shop, this.#place, flight, factory, options, before, why).run()
    return flight
  }

  #prefetching({ load, ...options }: PrefetchOptions) {
    if (typeof load !== 'function')
      throw new RangeError('prefetch.load: expected a function that loads a key')
    const bring: Bring<Key> = (key) => this.#bringAhead(key, (context) => load(key, context))
    const has = ({ name }: Named<Key>): boolean => this.#isThere(name)
    return { learner: learnerOf<Key>(this.shop.engine, this.#prefix, has, options), bring }
  }

  #isThere(full: string): boolean {
    const { engine } = this.shop
    const known = nearGet(engine, full)
    const standing = known && judge(engine, this.#place, known, engine.clock.now(), this.options.tags)
    return standing === 'fresh' || this.#joinable(full, this.options) !== undefined
  }

  async #bringAhead(key: Key, load: Factory<unknown>): Promise<number> {
    const { engine } = this.shop
    const full = this.#fullKey(key)
    const known = nearGet(engine, full)
    const standing = known && judge(engine, this.#place, known, engine.clock.now(), this.options.tags)
    const before = standing === 'gone' ? undefined : known
    const { freshUntil } = await this.#start(full, before, load, this.options, 'ahead').join()
    return freshUntil
  }
}
