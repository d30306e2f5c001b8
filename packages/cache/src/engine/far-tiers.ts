import type { Entry } from '../entry.ts'
import type { Notice, TierItem } from '../tier.ts'
import type { Codec } from './codec.ts'
import { type Engine, judge, keepNear, nearGet, type Place, tagName } from './engine.ts'
import type { Brought, FarTier } from './far-tier.ts'
import { itemOf, longestTagged } from './item.ts'
import { Kept } from './kept.ts'
import { farKey, namespaceOf, reserved } from './key.ts'
import { type Mark, type Marks, unmarked } from './marks.ts'
import type { Resolved } from './options.ts'
import type { Recovery } from './recovery.ts'
import type { Search } from './search.ts'

/** How long marks are believed where no backplane tells of new ones. */
const believed = 5000

const none: readonly string[] = []

const markLife = longestTagged + 86_400_000

const toMarkKey = (name: string, kind: string): string => {
  const prefix = namespaceOf(name)
  return farKey(`${prefix}${reserved}${kind}${name.slice(prefix.length)}`)
}

const isOpen = ({ ended }: Search): boolean => !ended

const farKeyOf = ({ key }: Search): string => farKey(key)

const all = async (done: readonly Promise<boolean>[]): Promise<boolean> =>
  (await Promise.all(done)).every((each) => each)

/** The tiers beyond memory, nearest first, as one. */
export class FarTiers {
  readonly tiers: readonly FarTier[]
  /** Whether a backplane tells of new marks. */
  told = false
  readonly #engine: Engine
  readonly #codec: Codec
  readonly #recovery: Recovery
  readonly #tell: (notice: Notice) => Promise<void>

  /** @param tell tells the other processes of what a tier has only now */
  constructor(
    engine: Engine,
    tiers: readonly FarTier[],
    codec: Codec,
    recovery: Recovery,
    tell: (notice: Notice) => Promise<void>,
  ) {
    this.#engine = engine
    this.tiers = tiers
    this.#codec = codec
    this.#recovery = recovery
    this.#tell = tell
  }

  used(options: Resolved): readonly FarTier[] {
    const { tiers } = options
    return tiers === undefined ? this.tiers : this.tiers.filter(({ name }) => tiers.includes(name))
  }

  /** Those that values are written to when they are brought or set. */
  written(options: Resolved): readonly FarTier[] {
    return this.used(options).filter(({ isVictim }) => !isVictim)
  }

  /**
   * Looks for values, nearest tier first, with one call to each tier, and brings what is fresh nearer.
   */
  async look(place: Place, searches: readonly Search[], options: Resolved): Promise<void> {
    const { clears, stamps } = this.#engine
    let open = searches
    for (const far of this.used(options)) {
      const unknown = clears.unasked(place.prefixes, this.#since())
      const at = stamps.next()
      const brought = await this.#read(far, open, unknown, options)
      if (brought === undefined) continue
      const frames = brought.value
      if (unknown.length > 0) this.#learn(clears, far, frames.slice(open.length), unknown, at)
      let index = 0
      for (const search of open) {
        search.answered = true
        const entry = this.#entryOf(far, search.key, frames[index++])
        const untold = entry === undefined ? none : this.#untold(place, entry, options)
        const isTold = untold.length === 0 || (await this.#askTags(far, untold, options))
        if (!entry || !isTold || !search.wants(entry) || !this.#take(search, entry, far, place, options))
          search.miss(far)
      }
      open = open.filter(isOpen)
      if (open.length === 0) return
    }
  }

  /** Values, and after them the two marks of each of the namespaces. */
  #read(
    far: FarTier,
    open: readonly Search[],
    unknown: readonly string[],
    options: Resolved,
  ): Promise<Brought<readonly (Uint8Array | undefined)[]> | undefined> {
    const keys = open.map(farKeyOf)
    for (const name of unknown) keys.push(toMarkKey(name, 'c'), toMarkKey(name, 'x'))
    return far.call('get', options.tierTimeout, (tier) => tier.getMany(keys))
  }

  /** @returns whether it ends the search */
  #take(search: Search, entry: Entry, far: FarTier, place: Place, options: Resolved): boolean {
    const engine = this.#engine
    const { key, fence, missed } = search
    const standing = judge(engine, place, entry, engine.clock.now(), options.tags)
    if (standing === 'gone') return false
    if (standing !== 'fresh') {
      // What was invalidated softly is told from what is fresh without its marks, too.
      const freshUntil = standing === 'expired' ? 0 : entry.freshUntil
      search.find(standing, new Kept(entry, options, search.began, freshUntil), far.name)
      return false
    }
    search.ended = true
    if (entry.createdAt < fence.fencedAt) {
      search.forget()
      return true
    }
    for (const nearer of missed) if (!nearer.isVictim) void this.#set(nearer, key, entry, options)
    const kept = keepNear(engine, key, entry, options, search.began, far.isVictim)
    search.find(standing, kept, far.name)
    return true
  }

  /** Writes to the tiers. @returns whether all have taken it; what they have not is recovered later */
  async write(entries: readonly (readonly [string, Entry])[], options: Resolved): Promise<boolean> {
    return all(
      this.written(options).flatMap((far) =>
        entries.map(([key, entry]) => this.#set(far, key, entry, options)),
      ),
    )
  }

  /** @returns whether all have done it; what they have not is recovered later */
  async delete(keys: readonly string[], at: number, options: Resolved): Promise<boolean> {
    return all(this.tiers.map((far) => this.#delete(far, keys, at, options)))
  }

  /** Drops what is older from a tier that a set does not write to. */
  async supersede(keys: readonly string[], at: number, options: Resolved): Promise<void> {
    const victims = this.tiers.filter(({ isVictim }) => isVictim)
    await Promise.all(victims.map((far) => this.#delete(far, keys, at, options)))
  }

  /** Makes what the tiers hold a fallback at best. */
  async expire(key: string, at: number, options: Resolved): Promise<boolean> {
    return all(
      this.tiers.map(async (far) => {
        const brought = await far.call('get', options.tierTimeout, (tier) => tier.getMany([farKey(key)]))
        if (brought === undefined) {
          this.#owe(far, [key], at, options)
          return false
        }
        const [frame] = brought.value
        const entry = frame && this.#decode(far, frame)
        if (!entry || entry.createdAt > at) return true
        const soft = { ...entry, freshUntil: 0 }
        return entry.staleUntil > this.#engine.clock.now()
          ? this.#set(far, key, soft, options)
          : this.#delete(far, [key], at, options)
      }),
    )
  }

  /**
   * Writes a mark, so that processes that start later know it.
   *
   * @param notice what others are told of it
   */
  async mark(name: string, kind: string, notice: Notice, options: Resolved): Promise<boolean> {
    const { at } = notice
    const never = Number.POSITIVE_INFINITY
    const key = toMarkKey(name, kind)
    const frame = await this.#codec.encode({ value: at, createdAt: at, freshUntil: never, staleUntil: never })
    const item = { key, frame, at, expiresAt: name === namespaceOf(name) ? never : at + markLife }
    return all(
      this.tiers.map(async (far) => {
        const write = async (): Promise<boolean> =>
          (await far.call('set', options.tierTimeout, (tier) => tier.setMany([item]))) !== undefined
        const done = await write()
        if (!done) this.#recovery.add(`${far.name} ${key}`, at, () => this.#late(write(), notice))
        return done
      }),
    )
  }

  /** The entries of a tier, for operators. */
  async *walk(prefix: string, options: Resolved): AsyncGenerator<[string, Entry]> {
    for (const far of this.tiers) {
      try {
        for await (const key of far.tier.keys(prefix)) {
          if (key.startsWith(reserved, namespaceOf(key).length)) continue
          const brought = await far.call('get', options.tierTimeout, (tier) => tier.getMany([key]))
          const frame = brought?.value[0]
          const entry = frame && this.#decode(far, frame)
          if (entry) yield [key, entry]
        }
      } catch (error) {
        far.fail('keys', error)
      }
    }
  }

  /** What a frame holds; undefined where that is older than what the tier is still owed. */
  #entryOf(far: FarTier, key: string, frame: Uint8Array | undefined): Entry | undefined {
    const entry = frame && this.#decode(far, frame)
    if (entry === undefined) return undefined
    const owed = this.#recovery.owed(`${far.name} ${key}`)
    if (owed !== undefined && entry.createdAt <= owed) return undefined
    this.#engine.stamps.hear(entry.createdAt)
    return entry
  }

  /** The tags of an entry whose marks have to be asked for before it may be judged. */
  #untold(place: Place, { tags = none }: Entry, options: Resolved): readonly string[] {
    if (tags.length === 0 && options.tags.length === 0) return none
    const names = [...tags, ...options.tags].map((tag) => tagName(place, tag))
    return this.#engine.tags.unasked(names, this.#since())
  }

  /** @returns whether it is known now when the tags were invalidated */
  async #askTags(far: FarTier, names: readonly string[], options: Resolved): Promise<boolean> {
    const { tags, stamps } = this.#engine
    const at = stamps.next()
    const brought = await far.call('get', options.tierTimeout, (tier) =>
      tier.getMany(names.flatMap((name) => [toMarkKey(name, 'd'), toMarkKey(name, 'e')])),
    )
    if (brought === undefined) return false
    this.#learn(tags, far, brought.value, names, at)
    return true
  }

  /** @param frames two for each name */
  #learn(
    marks: Marks,
    far: FarTier,
    frames: readonly (Uint8Array | undefined)[],
    names: readonly string[],
    at: number,
  ): void {
    for (const [index, name] of names.entries()) marks.raise(name, this.#markOf(far, frames, index * 2))
    marks.asked(names, at)
  }

  #markOf(far: FarTier, frames: readonly (Uint8Array | undefined)[], index: number): Mark {
    const [deleted, expired] = [frames[index], frames[index + 1]]
    if (!deleted && !expired) return unmarked
    const time = (frame: Uint8Array | undefined): number => {
      const value = frame ? this.#decode(far, frame)?.value : undefined
      return typeof value === 'number' ? value : 0
    }
    return { deletedAt: time(deleted), expiredAt: time(expired) }
  }

  #since(): number {
    return this.told ? this.#engine.trust.gapAt : this.#engine.clock.now() - believed
  }

  #decode(far: FarTier, frame: Uint8Array): Entry | undefined {
    try {
      const entry = this.#codec.decode(frame)
      if (entry === undefined) far.fail('decode', new TypeError('not a frame of this version'))
      return entry
    } catch (error) {
      far.fail('decode', error)
      return undefined
    }
  }

  async #set(far: FarTier, key: string, entry: Entry, options: Resolved): Promise<boolean> {
    const ttl = options.tierTtl.get(far.name)
    const now = this.#engine.clock.now()
    const freshUntil = ttl === undefined || entry.freshUntil === 0 ? entry.freshUntil : now + ttl
    let item: TierItem
    try {
      item = await itemOf(this.#codec, key, entry, freshUntil)
    } catch (error) {
      // A value that no frame can hold stays in memory; what the tier holds is older, and has to go.
      far.fail('set', error)
      await this.#delete(far, [key], entry.createdAt, options)
      return true
    }
    const done = await far.call('set', options.tierTimeout, (tier) => tier.setMany([item]))
    if (done === undefined) this.#owe(far, [key], entry.createdAt, options)
    else this.#recovery.settle(`${far.name} ${key}`, entry.createdAt)
    return done !== undefined
  }

  async #delete(far: FarTier, keys: readonly string[], at: number, options: Resolved): Promise<boolean> {
    const done = await far.call('delete', options.tierTimeout, (tier) =>
      tier.deleteMany(keys.map(farKey), at),
    )
    if (done === undefined) this.#owe(far, keys, at, options)
    else for (const key of keys) this.#recovery.settle(`${far.name} ${key}`, at)
    return done !== undefined
  }

  /**
   * Remembers that a tier holds something too old. It is written again if memory still has it and nothing can have been
   * missed that overtook it: what did may have expired by now. It is deleted otherwise.
   */
  #owe(far: FarTier, keys: readonly string[], at: number, options: Resolved): void {
    for (const key of keys) {
      this.#recovery.add(`${far.name} ${key}`, at, async () => {
        const { trust } = this.#engine
        const known = nearGet(this.#engine, key)
        if (known !== undefined && known.createdAt >= at && known.checked >= trust.gaps && !trust.deaf)
          return this.#late(this.#set(far, key, known, options), { kind: 'set', names: [key], at })
        const done = far.call('delete', options.tierTimeout, (tier) => tier.deleteMany([farKey(key)], at))
        return this.#late(
          done.then((brought) => brought !== undefined),
          { kind: 'delete', names: [key], at },
        )
      })
    }
  }

  /** Who was told when it happened may have found in the tier what was there before, and keeps that until told again. */
  async #late(written: Promise<boolean>, notice: Notice): Promise<boolean> {
    const done = await written
    if (done) void this.#tell(notice)
    return done
  }
}
