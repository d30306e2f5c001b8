import { VirtualClock } from '@millrace/testing'
import { Cache, type CacheConfig } from '../../src/engine/cache.ts'
import type { Entry } from '../../src/entry.ts'
import type { Near } from '../../src/near.ts'
import type { Backplane, Lock, Locker, Notice, Tier, TierItem } from '../../src/tier.ts'

export class MapNear implements Near {
  readonly name = 'memory'
  readonly #entries = new Map<string, Entry>()

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: Entry): boolean {
    this.#entries.set(key, entry)
    return true
  }

  delete(key: string): boolean {
    return this.#entries.delete(key)
  }

  clear(prefix = ''): void {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.#entries.delete(key)
  }

  entries(): IterableIterator<[string, Entry]> {
    return this.#entries.entries()
  }

  inspect(): unknown {
    return { entries: this.#entries.size }
  }
}

/** What a tier does next. */
export type Mood = 'well' | 'failing' | 'hanging'

/** A tier in a map that several caches may share. */
export class MapTier implements Tier {
  readonly name: string
  mood: Mood = 'well'
  readonly items = new Map<string, TierItem>()
  readonly deaths = new Map<string, number>()
  readonly calls: string[] = []

  constructor(name = 'far') {
    this.name = name
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    await this.#mind(`get ${keys.join(' ')}`)
    return keys.map((key) => this.items.get(key)?.frame)
  }

  async setMany(items: readonly TierItem[]): Promise<void> {
    await this.#mind(`set ${items.map(({ key }) => key).join(' ')}`)
    for (const item of items) {
      if (Math.max(this.items.get(item.key)?.at ?? 0, this.deaths.get(item.key) ?? 0) > item.at) continue
      this.items.set(item.key, item)
    }
  }

  async deleteMany(keys: readonly string[], at: number): Promise<void> {
    await this.#mind(`delete ${keys.join(' ')}`)
    for (const key of keys) {
      if ((this.items.get(key)?.at ?? 0) <= at) this.items.delete(key)
      this.deaths.set(key, at)
    }
  }

  async *keys(prefix: string): AsyncGenerator<string> {
    await this.#mind('keys')
    for (const key of [...this.items.keys()]) if (key.startsWith(prefix)) yield key
  }

  async #mind(call: string): Promise<void> {
    this.calls.push(call)
    if (this.mood === 'failing') throw new Error(`${this.name} is down`)
    if (this.mood === 'hanging') await new Promise(() => {})
  }
}

/** A tier whose answers and writes can be held up on their way. */
export class SlowTier extends MapTier {
  /** What is read now arrives when this resolves. */
  reading: Promise<void> = Promise.resolve()
  /** What is sent now is written when this resolves. */
  writing: Promise<void> = Promise.resolve()

  override async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const { reading } = this
    const found = await super.getMany(keys)
    await reading
    return found
  }

  override async setMany(items: readonly TierItem[]): Promise<void> {
    await this.writing
    await super.setMany(items)
  }
}

/** Processes on one line. */
export class Line {
  readonly heard: Notice[] = []
  readonly #ends = new Set<LineEnd>()

  end(): LineEnd {
    const end = new LineEnd(this)
    this.#ends.add(end)
    return end
  }

  tell(from: LineEnd, notices: readonly Notice[]): void {
    this.heard.push(...notices)
    for (const end of this.#ends) if (end !== from) for (const notice of notices) end.receive(notice)
  }
}

export class LineEnd implements Backplane {
  cut = false
  readonly #line: Line
  #hear: ((notice: Notice) => void) | undefined
  #gap: (() => void) | undefined

  constructor(line: Line) {
    this.#line = line
  }

  receive(notice: Notice): void {
    if (!this.cut) this.#hear?.(notice)
  }

  reconnect(): void {
    this.cut = false
    this.#gap?.()
  }

  async publish(notices: readonly Notice[]): Promise<void> {
    if (this.cut) throw new Error('the line is cut')
    this.#line.tell(this, notices)
  }

  async subscribe(hear: (notice: Notice) => void, gap: () => void): Promise<() => Promise<void>> {
    if (this.cut) throw new Error('the line is cut')
    this.#hear = hear
    this.#gap = gap
    return async () => {
      this.#hear = undefined
      this.#gap = undefined
    }
  }
}

/** Locks of several caches. */
export class MapLocker implements Locker {
  readonly held = new Map<string, { readonly token: number; readonly released: Promise<void> }>()
  readonly #clock: VirtualClock
  #token = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  async acquire(key: string, ttl: number): Promise<Lock | undefined> {
    if (this.held.has(key)) return undefined
    const token = ++this.#token
    const { promise, resolve } = Promise.withResolvers<void>()
    const release = async (): Promise<void> => {
      if (this.held.get(key)?.token === token) this.held.delete(key)
      timer.cancel()
      resolve()
    }
    const timer = this.#clock.after(ttl, () => void release())
    this.held.set(key, { token, released: promise })
    return { token, release }
  }

  async released(key: string, timeout: number): Promise<void> {
    const held = this.held.get(key)
    if (held === undefined) return
    await Promise.race([
      held.released,
      new Promise<void>((resolve) => {
        this.#clock.after(timeout, resolve)
      }),
    ])
  }
}

export interface Scene {
  readonly clock: VirtualClock
  readonly near: MapNear
  readonly cache: Cache
}

export const scene = (config: Partial<CacheConfig> = {}, clock = new VirtualClock()): Scene => {
  const near = new MapNear()
  return { clock, near, cache: new Cache({ near, clock, random: () => 0.5, ...config }) }
}

/** A factory that counts its runs: run 1, run 2, ... */
export const counting = (): { (): string; runs: number } => {
  const factory = Object.assign(() => `run ${++factory.runs}`, { runs: 0 })
  return factory
}

/** A factory that brings what the test says when it says so. */
export const held = <V>(): {
  readonly factory: (context: { readonly signal: AbortSignal }) => Promise<V>
  readonly bring: (value: V) => void
  readonly fail: (error: unknown) => void
  runs: number
  signal: AbortSignal | undefined
} => {
  const { promise, resolve, reject } = Promise.withResolvers<V>()
  const hold: ReturnType<typeof held<V>> = {
    factory: ({ signal }) => {
      hold.runs++
      hold.signal = signal
      return promise
    },
    bring: resolve,
    fail: reject,
    runs: 0,
    signal: undefined,
  }
  return hold
}
