import { randomInt } from 'node:crypto'
import { type Clock, parseSize, type Size, systemClock } from '@millrace/core'
import { type Entry, plainEntry } from './entry.ts'
import { type PolicyName, type Residents, residents } from './eviction/index.ts'
import type { Near } from './near.ts'
import { ownBytes } from './own-bytes.ts'
import { type Pressure, sharedPressure } from './pressure.ts'
import { bytesToFree, type Relief } from './pressure-policy.ts'
import { sizeOf as estimate, sizeOfString } from './size-of.ts'

export interface MemoryOptions {
  /** How much the entries may hold together. Default `64mb`. */
  readonly maxSize?: Size
  /** How many entries there may be. Default any number that fits. */
  readonly maxEntries?: number
  /** Who leaves for others. Default `lru`. */
  readonly policy?: PolicyName
  /** How much is given back when memory runs short: half, a quarter, or what it takes. Default `adaptive`. */
  readonly pressure?: Relief | false
  /** Who says that memory runs short. Default one watcher for the whole process. */
  readonly watch?: Pressure
  readonly clock?: Clock
  /** From 0 to 1, for what must not be guessed from outside. */
  readonly random?: () => number
  /** The bytes of a value. Default an estimate that looks at no more than a thousand of its parts. */
  readonly sizeOf?: (value: unknown) => number
}

/** What an entry costs beside its key and value: see docs/cache-memory.md for what is in it. */
const overhead: Readonly<Record<PolicyName, number>> = {
  lru: 420,
  fifo: 480,
  ttl: 480,
  lfu: 500,
  arc: 600,
  s3fifo: 600,
  adaptive: 680,
  auto: 760,
}

/** How many entries each write looks at, to find those that are over; as long as it finds some, more. */
const looksEach = 4
const mostLooks = 32

const mostRandom = 2 ** 32

/**
 * Entries in this process, as many as the bound allows.
 *
 * @throws RangeError when `maxSize` or `maxEntries` is no bound
 */
export const memory = (options: MemoryOptions = {}): Near & { readonly bytes: number } =>
  new MemoryTier(options)

class MemoryTier implements Near {
  readonly name = 'memory'
  onEvicted?: (key: string, entry: Entry) => void
  readonly #residents: Residents<Entry>
  readonly #clock: Clock
  readonly #sizeOf: (value: unknown) => number
  readonly #maxBytes: number
  readonly #relief: Relief | false
  readonly #watch: Pressure | undefined
  readonly #overhead: number
  #unwatch: (() => void) | undefined
  #round: Iterator<string> | undefined
  #evicted = 0
  #expired = 0
  #refused = 0
  #relieved = 0

  constructor({
    maxSize = '64mb',
    maxEntries,
    policy = 'lru',
    pressure = 'adaptive',
    watch,
    clock = systemClock,
    random = () => randomInt(mostRandom) / mostRandom,
    sizeOf = estimate,
  }: MemoryOptions) {
    const maxBytes = parseSize(maxSize)
    if (maxBytes === undefined || maxBytes <= 0 || maxBytes === Number.POSITIVE_INFINITY) {
      throw new RangeError(
        `memory({ maxSize }): expected a size such as "64mb" or 1048576 (bytes), got ${shown(maxSize)}`,
      )
    }
    if (maxEntries !== undefined && !(Number.isSafeInteger(maxEntries) && maxEntries > 0)) {
      throw new RangeError(`memory({ maxEntries }): expected a positive whole number, got ${maxEntries}`)
    }
    this.#maxBytes = maxBytes
    this.#clock = clock
    this.#sizeOf = sizeOf
    this.#overhead = overhead[policy]
    this.#relief = pressure
    this.#watch = pressure === false ? undefined : (watch ?? sharedPressure())
    this.#residents = residents<Entry>({
      policy,
      maxWeight: maxBytes,
      ...(maxEntries === undefined ? {} : { maxEntries }),
      seed: Math.floor(random() * mostRandom),
      evicted: (key, entry, why) => {
        if (why !== 'evicted') return
        this.#evicted++
        if (this.onEvicted !== undefined && !isOver(entry, this.#clock.now())) this.onEvicted(key, entry)
      },
    })
  }

  /** What the entries hold, as they are counted. */
  get bytes(): number {
    return this.#residents.weight
  }

  get(key: string): Entry | undefined {
    return this.#residents.get(key)
  }

  set(key: string, entry: Entry): boolean {
    const now = this.#clock.now()
    this.#sweep(now)
    const there = this.#residents.peek(key)
    if (there !== undefined && there.createdAt > entry.createdAt && !isOver(there, now)) return false
    const kept = compact(entry)
    const weight = this.#weigh(key, kept)
    this.#watch?.allocate(weight ?? 0)
    if (weight === undefined || isOver(entry, now) || this.#isShut) {
      if (there !== undefined) this.#residents.delete(key)
      this.#refused++
      return false
    }
    const isKept = this.#residents.set(key, kept, weight, entry.staleUntil)
    if (!isKept) this.#refused++
    return isKept
  }

  delete(key: string): boolean {
    return this.#residents.delete(key)
  }

  clear(prefix = ''): void {
    if (prefix === '') {
      this.#residents.clear()
      this.#round = undefined
      return
    }
    for (const key of [...this.#residents.keys()]) if (key.startsWith(prefix)) this.#residents.delete(key)
  }

  *entries(): IterableIterator<[string, Entry]> {
    const now = this.#clock.now()
    for (const pair of this.#residents.entries()) if (!isOver(pair[1], now)) yield pair
  }

  inspect(): Readonly<Record<string, unknown>> {
    const { count, weight, ...policy } = this.#residents.inspect()
    return {
      ...policy,
      entries: count,
      bytes: weight,
      maxBytes: this.#maxBytes,
      evicted: this.#evicted,
      expired: this.#expired,
      refused: this.#refused,
      relieved: this.#relieved,
      isShut: this.#isShut,
    }
  }

  async start(): Promise<void> {
    const relief = this.#relief
    if (relief === false) return
    this.#unwatch ??= this.#watch?.subscribe((excess) => {
      const before = this.bytes
      this.#residents.shrink(before - bytesToFree(relief, before, excess))
      this.#relieved += before - this.bytes
    })
  }

  async stop(): Promise<void> {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  get #isShut(): boolean {
    return this.#unwatch !== undefined && this.#watch?.isOn === true
  }

  /** Undefined when it cannot be told. */
  #weigh(key: string, { value, tags, validator }: Entry): number | undefined {
    try {
      const bytes = this.#sizeOf(value)
      if (!(bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER / 2)) return undefined
      const rest =
        (tags === undefined ? 0 : estimate(tags)) + (validator === undefined ? 0 : sizeOfString(validator))
      return this.#overhead + sizeOfString(key) + Math.ceil(bytes) + rest
    } catch {
      return undefined
    }
  }

  /** Drops some of those that are over, going round all of them, a few with each write. */
  #sweep(now: number): void {
    let looks = looksEach
    for (let i = 0; i < looks; i++) {
      this.#round ??= this.#residents.keys()
      const { value: key, done } = this.#round.next()
      if (done === true) {
        this.#round = undefined
        return
      }
      const entry = this.#residents.peek(key)
      if (entry === undefined || !isOver(entry, now)) continue
      this.#residents.delete(key)
      this.#expired++
      if (looks < mostLooks) looks++
    }
  }
}

const isOver = ({ staleUntil }: Entry, now: number): boolean => staleUntil <= now

const compact = (entry: Entry): Entry => {
  if (!(entry.value instanceof Uint8Array)) return entry
  const value = ownBytes(entry.value)
  return value === entry.value ? entry : { ...plainEntry(entry), value }
}

const shown = (size: Size): string => (typeof size === 'number' ? `${size}` : JSON.stringify(size))
