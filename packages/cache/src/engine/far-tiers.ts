import type { Entry } from '../entry.ts'
import type { TierItem } from '../tier.ts'
import type { Codec } from './codec.ts'
import { type Engine, judge, keepNear, type Place, type Standing, tagName } from './engine.ts'
import type { FarTier } from './far-tier.ts'
import { Kept, plainEntry } from './kept.ts'
import { farKey, namespaceOf, reserved } from './key.ts'
import { type Mark, unmarked } from './marks.ts'
import type { Resolved } from './options.ts'
import type { Recovery } from './recovery.ts'

/** What the tiers know of a key. */
export interface Found {
  /** Whether any tier could be asked. */
  readonly answered: boolean
  readonly kept?: Kept
  readonly standing?: Standing
  readonly tier?: string
}

/** How long marks are believed where no backplane tells of new ones. */
const believed = 5000

/** Marks of tags outlive what they mark. */
const longestTagged = 30 * 86_400_000
const markLife = longestTagged + 86_400_000

const toMarkKey = (name: string, kind: string): string => {
  const prefix = namespaceOf(name)
  return farKey(`${prefix}${reserved}${kind}${name.slice(prefix.length)}`)
}

/** The tiers beyond memory, nearest first, as one. */
export class FarTiers {
  readonly tiers: readonly FarTier[]
  /** Whether a backplane tells of new marks. */
  told = false
  readonly #engine: Engine
  readonly #codec: Codec
  readonly #recovery: Recovery

  constructor(engine: Engine, tiers: readonly FarTier[], codec: Codec, recovery: Recovery) {
    this.#engine = engine
    this.tiers = tiers
    this.#codec = codec
    this.#recovery = recovery
  }

  used(options: Resolved): readonly FarTier[] {
    const { tiers } = options
    return tiers === undefined ? this.tiers : this.tiers.filter(({ name }) => tiers.includes(name))
  }

  /**
   * Looks for a value, nearest tier first, and brings what is fresh nearer.
   *
   * @param after what was created earlier does not count; with `strictly`, nor what was created then
   * @param fence what was created before it is not brought nearer
   */
  async look(
    place: Place,
    key: string,
    options: Resolved,
    fence: { readonly fencedAt: number },
    after = 0,
    strictly = false,
  ): Promise<Found> {
    let answered = false
    let best: Found | undefined
    const missed: FarTier[] = []
    for (const far of this.used(options)) {
      const [frame] = (await this.#fetch(far, place, [key], options)) ?? []
      if (frame === undefined) continue
      answered = true
      const entry = await this.#open(far, place, key, frame, options)
      if (
        entry === undefined ||
        entry.createdAt < after ||
        (strictly && entry.createdAt === after) ||
        entry.createdAt <= (best?.kept?.createdAt ?? 0)
      ) {
        missed.push(far)
        continue
      }
      const standing = judge(this.#engine, place, entry, this.#engine.clock.now(), options.tags)
      if (standing === 'gone') continue
      if (standing !== 'fresh') {
        best = {
          answered,
          standing,
          kept: new Kept(entry, options, this.#engine.stamps.next()),
          tier: far.name,
        }
        continue
      }
      if (entry.createdAt < fence.fencedAt) return { answered }
      for (const nearer of missed) void this.#set(nearer, key, entry, options)
      return { answered, standing, kept: keepNear(this.#engine, key, entry, options), tier: far.name }
    }
    return best ?? { answered }
  }

  /** Fresh values for many keys, with one call for each tier. */
  async lookMany(place: Place, keys: readonly string[], options: Resolved): Promise<Map<string, Kept>> {
    const found = new Map<string, Kept>()
    const since = this.#engine.stamps.next()
    for (const far of this.used(options)) {
      const wanted = keys.filter((key) => !found.has(key))
      if (wanted.length === 0) break
      const frames = await this.#fetch(far, place, wanted, options)
      for (const [index, key] of wanted.entries()) {
        const frame = frames?.[index]
        const entry = frame && (await this.#open(far, place, key, frame, options))
        if (!entry || judge(this.#engine, place, entry, this.#engine.clock.now(), options.tags) !== 'fresh')
          continue
        const known = this.#engine.near.get(key)
        // What has come or gone meanwhile is not known here: then the next read of this key looks by itself.
        const kept = new Kept(entry, options, since)
        if (known === undefined || known.createdAt <= entry.createdAt) found.set(key, kept)
      }
    }
    return found
  }

  /** Writes to all tiers. @returns whether all have taken it; what they have not is recovered later */
  async write(entries: readonly (readonly [string, Entry])[], options: Resolved): Promise<boolean> {
    const written = await Promise.all(
      this.used(options).map(async (far) => {
        const done = await Promise.all(entries.map(([key, entry]) => this.#set(far, key, entry, options)))
        return done.every((taken) => taken)
      }),
    )
    return written.every((taken) => taken)
  }

  async delete(keys: readonly string[], at: number, options: Resolved): Promise<void> {
    await Promise.all(this.tiers.map((far) => this.#delete(far, keys, at, options)))
  }

  /** Makes what the tiers hold a fallback at best. */
  async expire(key: string, at: number, options: Resolved): Promise<void> {
    await Promise.all(
      this.tiers.map(async (far) => {
        const brought = await far.call('get', options.tierTimeout, (tier) => tier.getMany([farKey(key)]))
        if (brought === undefined) return this.#owe(far, [key], at, options)
        const [frame] = brought.value
        const entry = frame && this.#decode(far, frame)
        if (!entry || entry.createdAt > at) return
        const soft = { ...entry, freshUntil: 0 }
        if (entry.staleUntil > this.#engine.clock.now()) await this.#set(far, key, soft, options)
        else await this.#delete(far, [key], at, options)
      }),
    )
  }

  /** Writes marks, so that processes that start later know them. */
  async mark(
    marks: readonly { readonly name: string; readonly kind: string; readonly at: number }[],
    options: Resolved,
  ): Promise<void> {
    await Promise.all(
      this.tiers.map(async (far) => {
        const items = await Promise.all(
          marks.map(async ({ name, kind, at }): Promise<TierItem> => {
            const entry = {
              value: at,
              createdAt: at,
              freshUntil: Number.POSITIVE_INFINITY,
              staleUntil: Number.POSITIVE_INFINITY,
            }
            const isClear = name === namespaceOf(name)
            return {
              key: toMarkKey(name, kind),
              frame: await this.#codec.encode(entry),
              at,
              expiresAt: isClear ? Number.POSITIVE_INFINITY : at + markLife,
            }
          }),
        )
        const write = async (): Promise<boolean> =>
          (await far.call('set', options.tierTimeout, (tier) => tier.setMany(items))) !== undefined
        if (await write()) return
        for (const { name, kind, at } of marks)
          this.#recovery.add(`${far.name} ${toMarkKey(name, kind)}`, at, write)
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

  /** Frames for keys, with the marks that are not known yet in the same call; undefined when the tier failed. */
  async #fetch(
    far: FarTier,
    place: Place,
    keys: readonly string[],
    options: Resolved,
  ): Promise<readonly (Uint8Array | null)[] | undefined> {
    const { clears } = this.#engine
    const unknown = clears.unasked(place.prefixes, this.#since())
    const names = [
      ...keys.map(farKey),
      ...unknown.flatMap((name) => [toMarkKey(name, 'c'), toMarkKey(name, 'x')]),
    ]
    const brought = await far.call('get', options.tierTimeout, (tier) => tier.getMany(names))
    if (brought === undefined) return undefined
    const frames = brought.value.map((frame) => frame ?? null)
    for (const [index, name] of unknown.entries()) {
      clears.raise(name, this.#markOf(far, frames, keys.length + index * 2))
    }
    clears.asked(unknown, this.#engine.clock.now())
    return frames.slice(0, keys.length)
  }

  /** What a frame holds, once the marks of its tags are known. */
  async #open(
    far: FarTier,
    place: Place,
    key: string,
    frame: Uint8Array | null,
    options: Resolved,
  ): Promise<Entry | undefined> {
    const entry = frame === null ? undefined : this.#decode(far, frame)
    if (entry === undefined) return undefined
    const owed = this.#recovery.owed(`${far.name} ${key}`)
    if (owed !== undefined && entry.createdAt <= owed) return undefined
    this.#engine.stamps.hear(entry.createdAt)
    const { tags } = this.#engine
    const names = [...(entry.tags ?? []), ...options.tags].map((tag) => tagName(place, tag))
    const unknown = tags.unasked(names, this.#since())
    if (unknown.length === 0) return entry
    const brought = await far.call('get', options.tierTimeout, (tier) =>
      tier.getMany(unknown.flatMap((name) => [toMarkKey(name, 'd'), toMarkKey(name, 'e')])),
    )
    // Whether its tags still hold cannot be known.
    if (brought === undefined) return undefined
    for (const [index, name] of unknown.entries())
      tags.raise(name, this.#markOf(far, brought.value, index * 2))
    tags.asked(unknown, this.#engine.clock.now())
    return entry
  }

  #markOf(far: FarTier, frames: readonly (Uint8Array | null | undefined)[], index: number): Mark {
    const [deleted, expired] = [frames[index], frames[index + 1]]
    if (!deleted && !expired) return unmarked
    const time = (frame: Uint8Array | null | undefined): number => {
      const value = frame ? this.#decode(far, frame)?.value : undefined
      return typeof value === 'number' ? value : 0
    }
    return { deletedAt: time(deleted), expiredAt: time(expired) }
  }

  #since(): number {
    return this.told ? Number.NEGATIVE_INFINITY : this.#engine.clock.now() - believed
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
    const ends = Math.max(freshUntil, entry.staleUntil)
    let item: TierItem
    try {
      item = {
        key: farKey(key),
        frame: await this.#codec.encode(plainEntry({ ...entry, freshUntil })),
        at: entry.createdAt,
        expiresAt: entry.tags?.length ? Math.min(ends, entry.createdAt + longestTagged) : ends,
      }
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

  async #delete(far: FarTier, keys: readonly string[], at: number, options: Resolved): Promise<void> {
    const done = await far.call('delete', options.tierTimeout, (tier) =>
      tier.deleteMany(keys.map(farKey), at),
    )
    if (done === undefined) this.#owe(far, keys, at, options)
    else for (const key of keys) this.#recovery.settle(`${far.name} ${key}`, at)
  }

  /** Remembers that a tier holds something too old. It is written again if memory still has it, deleted otherwise. */
  #owe(far: FarTier, keys: readonly string[], at: number, options: Resolved): void {
    for (const key of keys) {
      this.#recovery.add(`${far.name} ${key}`, at, async () => {
        const known = this.#engine.near.get(key)
        if (known !== undefined && known.createdAt >= at) return this.#set(far, key, known, options)
        const done = await far.call('delete', options.tierTimeout, (tier) =>
          tier.deleteMany([farKey(key)], at),
        )
        return done !== undefined
      })
    }
  }
}
