import {
  type Clock,
  type Health,
  parseSize,
  type Size,
  systemClock,
  type Timer,
  turn,
  within,
} from '@millrace/core'
import type { DiskRecord } from './disk-record.ts'
import { DiskStore } from './disk-store.ts'
import type { Tier, TierItem } from './tier.ts'

export interface DiskOptions {
  /** A folder on a local disk, made when it is not there. Processes of one machine may share it. */
  readonly path: string
  /** How large the file may grow. Default `1gb`, at least `1mb`. */
  readonly maxSize?: Size
  /** Milliseconds that a write may take before it is given up on. Default 1000; reads do not wait. */
  readonly timeout?: number
  /** Milliseconds between looks for what has expired. Default 60000. */
  readonly sweepEvery?: number
  readonly clock?: Clock
}

/** How long a deletion holds off older items, in milliseconds. */
const remembered = 60_000
/** How soon a disk that could not be opened or written is tried again, in milliseconds. */
const pause = 5000
/** The longest that a full disk takes nothing, in milliseconds. */
const longestPause = 3_600_000

/** The disk tier cannot be used. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code = 'ERR_MILLRACE_CACHE_DISK'
}

interface Write {
  readonly records: readonly DiskRecord[]
  readonly bytes: number
  done(): void
  failed(error: unknown): void
}

/**
 * Values on a local disk, in an `lmdb` database: they survive restarts and kills, and are shared by the processes of a
 * machine. What expires first leaves first.
 *
 * @throws RangeError when `maxSize` is no size of 1 MB or more
 */
export const disk = (options: DiskOptions): Tier => new Disk(options)

class Disk implements Tier {
  readonly name = 'disk'
  readonly #path: string
  readonly #maxSize: number
  readonly #timeout: number
  readonly #sweepEvery: number
  readonly #clock: Clock
  readonly #waiting: Write[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  #store: DiskStore | undefined
  #failure: { readonly error: DiskError; readonly until: number } | undefined
  #broken: { readonly error: DiskError; readonly until: number } | undefined
  #timer: Timer | undefined
  #fileBytes = 0
  #fullUntil = 0
  #fullPause = 0
  #evicted = 0
  #dropped = 0

  constructor({
    path,
    maxSize = '1gb',
    timeout = 1000,
    sweepEvery = 60_000,
    clock = systemClock,
  }: DiskOptions) {
    const limit = parseSize(maxSize)
    if (limit === undefined || limit < 2 ** 20 || limit === Number.POSITIVE_INFINITY) {
      throw new RangeError(
        `disk({ maxSize }): expected a size of at least "1mb", got ${typeof maxSize === 'number' ? maxSize : JSON.stringify(maxSize)}`,
      )
    }
    this.#path = path
    this.#maxSize = limit
    this.#timeout = timeout
    this.#sweepEvery = sweepEvery
    this.#clock = clock
  }

  async start(): Promise<void> {
    this.#failure = undefined
    this.#open()
    this.#planSweep()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const written = this.#writing ?? Promise.resolve()
    await within(this.#clock, this.#timeout, written, `${this.#label}: a write took too long`)
    const store = this.#store
    this.#store = undefined
    await store?.close()
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const now = this.#clock.now()
    const frames: (Uint8Array | undefined)[] = []
    let bytes = 0
    this.#open().refresh()
    for (const key of keys) {
      const record = this.#open().get(key)
      const frame = record && record.expiresAt > now ? record.frame : undefined
      frames.push(frame)
      // Reads are synchronous; others get their turn in between.
      bytes += 1024 + (frame?.byteLength ?? 0)
      if (bytes > 1_000_000) {
        bytes = 0
        await turn()
      }
    }
    return frames
  }

  setMany(items: readonly TierItem[]): Promise<void> {
    // The caller's bytes may change before their turn to be written.
    return this.#write(
      items.map(({ key, frame, at, expiresAt }) => ({ key, frame: frame.slice(), at, expiresAt })),
    )
  }

  deleteMany(keys: readonly string[], at: number): Promise<void> {
    const expiresAt = this.#clock.now() + remembered
    return this.#write(keys.map((key) => ({ key, frame: undefined, at, expiresAt })))
  }

  async *keys(prefix: string): AsyncIterable<string> {
    let after: Buffer | undefined
    do {
      const { found, last } = this.#open().keys(prefix, after, this.#clock.now())
      yield* found
      after = last
      await turn()
    } while (after)
  }

  async health(): Promise<Health> {
    try {
      this.#open()
      return this.#broken ? { status: 'degraded', detail: this.#broken.error.message } : { status: 'ok' }
    } catch (error) {
      return { status: 'degraded', detail: String(error) }
    }
  }

  inspect(): unknown {
    return {
      path: this.#path,
      maxBytes: this.#maxSize,
      bytes: this.#store?.fileBytes,
      entries: this.#store?.entries,
      waiting: this.#waitingBytes,
      evicted: this.#evicted,
      dropped: this.#dropped,
      error: (this.#failure ?? this.#broken)?.error.message,
    }
  }

  /** @throws DiskError; for a while the same one, so that a broken disk costs nothing */
  #open(): DiskStore {
    if (this.#store) return this.#store
    if (this.#failure && this.#clock.now() < this.#failure.until) throw this.#failure.error
    try {
      this.#store = new DiskStore(this.#path, this.#maxSize)
      this.#failure = undefined
      return this.#store
    } catch (cause) {
      const error = new DiskError(
        `${this.#label} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      )
      this.#failure = { error, until: this.#clock.now() + pause }
      throw error
    }
  }

  async #write(records: readonly DiskRecord[]): Promise<void> {
    if (records.length === 0) return
    this.#open()
    // A full disk stays full for a while; and the library tells the console of each commit that fails.
    if (this.#broken && this.#clock.now() < this.#broken.until) throw this.#broken.error
    const bytes = records.reduce(
      (sum, { frame, key }) => sum + (frame?.byteLength ?? 0) + key.length + 100,
      0,
    )
    // What waits for a slow disk is bounded, too; one call alone may be large.
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > 16 * 2 ** 20) {
      this.#dropped += records.length
      throw new DiskError(`${this.#label} is behind by ${this.#waitingBytes} bytes`)
    }
    const written = new Promise<void>((done, failed) => {
      for (const part of this.#parts(records)) this.#waiting.push({ ...part, done: () => undefined, failed })
      this.#waiting.push({ records: [], bytes: 0, done, failed })
    })
    this.#waitingBytes += bytes
    this.#writing ??= this.#drain()
    await within(this.#clock, this.#timeout, written, `${this.#label}: a write took too long`)
  }

  /** No more in one part than a transaction may hold. */
  *#parts(records: readonly DiskRecord[]): Iterable<{ records: readonly DiskRecord[]; bytes: number }> {
    let part: DiskRecord[] = []
    let bytes = 0
    for (const record of records) {
      const size = (record.frame?.byteLength ?? 0) + record.key.length + 100
      if (part.length > 0 && (bytes + size > this.#batch || part.length >= this.#most)) {
        yield { records: part, bytes }
        part = []
        bytes = 0
      }
      part.push(record)
      bytes += size
    }
    yield { records: part, bytes }
  }

  get #label(): string {
    return `disk(${JSON.stringify(this.#path)})`
  }

  /** Bytes of one transaction. */
  get #batch(): number {
    return Math.min(2 ** 20, this.#maxSize / 32)
  }

  /** Records of one transaction: each may have four pages written anew, and the old ones are not free at once. */
  get #most(): number {
    return Math.max(4, Math.min(512, Math.floor(this.#maxSize / 2 ** 18)))
  }

  async #drain(): Promise<void> {
    // What is asked for in one turn of the event loop is written together.
    await turn()
    while (this.#waiting.length > 0) {
      const batch: Write[] = []
      let bytes = 0
      let count = 0
      for (const next of this.#waiting) {
        if (
          batch.length > 0 &&
          (bytes + next.bytes > this.#batch || count + next.records.length > this.#most)
        )
          break
        batch.push(next)
        bytes += next.bytes
        count += next.records.length
      }
      this.#waiting.splice(0, batch.length)
      try {
        await this.#commit(batch)
        this.#broken = undefined
        for (const write of batch) write.done()
      } catch (cause) {
        const error = new DiskError(`${this.#label} cannot be written: ${String(cause)}`, { cause })
        this.#broken = { error, until: this.#clock.now() + pause }
        for (const write of [...batch, ...this.#waiting.splice(0)]) write.failed(error)
      }
      this.#waitingBytes = this.#waiting.reduce((sum, write) => sum + write.bytes, 0)
    }
    this.#writing = undefined
  }

  async #commit(batch: readonly Write[]): Promise<void> {
    if (batch.every(({ records }) => records.length === 0)) return
    const store = this.#open()
    let crowded = false
    let rounds = 0
    if (this.#fullUntil > this.#clock.now()) store.forgetDeadReaders()
    do {
      await store.change(() => {
        const now = this.#clock.now()
        this.#watch(store.fileBytes, now)
        // Pages that a transaction frees are used again two transactions later: the rest of the bound is for them.
        const share = this.#fileBytes > this.#maxSize * 0.85 ? 0.5 : 0.6
        store.sweep(now, this.#most)
        const evicted = store.evict(share, this.#most * 2)
        this.#evicted += evicted
        crowded = evicted === this.#most * 2
        if (!crowded) this.#put(store, batch, now)
      })
    } while (crowded && ++rounds < 1000)
  }

  /**
   * A file near its bound that still grows has old pages that a stuck reader holds: it takes no values for a while, and
   * for twice as long when that did not help. One that does not grow is in order, however large: files do not shrink.
   */
  #watch(bytes: number, now: number): void {
    const grown = this.#fileBytes > 0 && bytes > this.#fileBytes
    this.#fileBytes = bytes
    if (bytes <= this.#maxSize * 0.95 || now < this.#fullUntil) return
    this.#fullPause = grown ? Math.min(Math.max(pause, this.#fullPause * 2), longestPause) : 0
    this.#fullUntil = now + this.#fullPause
  }

  #put(store: DiskStore, batch: readonly Write[], now: number): void {
    // What is not taken leaves no older value in its place.
    const full = now < this.#fullUntil
    for (const { records } of batch) {
      if (full) this.#dropped += records.length
      for (const record of records)
        store.put(full && record.frame ? { ...record, expiresAt: now } : record, now)
    }
  }

  #planSweep(): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.after(this.#sweepEvery, () => {
      this.#sweep()
        .catch(() => undefined)
        .finally(() => this.#timer && this.#planSweep())
    })
  }

  async #sweep(): Promise<void> {
    const store = this.#open()
    store.forgetDeadReaders()
    let removed: number
    do {
      removed = 0
      await store.change(() => {
        removed = store.sweep(this.#clock.now(), this.#most)
      })
    } while (removed >= this.#most && this.#store === store)
  }
}
