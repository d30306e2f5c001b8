import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import {
  type DiskRecord,
  decodeRecord,
  encodeRecord,
  nameInOrder,
  nameOf,
  orderAt,
  orderKinds,
  orderOf,
  prefixOf,
} from './disk-record.ts'

/** What a database is asked of while others write to it. */
const step = 256

/**
 * The database of a disk tier: records by name, and the order in which they go. Writes are done inside `change`, which
 * is one transaction among all processes that share the file.
 */
export class DiskStore {
  readonly #root: RootDatabase<Buffer, Buffer>
  readonly #records: Database<Buffer, Buffer>
  readonly #order: Database<Buffer, Buffer>
  readonly #maxSize: number
  #failed = false

  /** @throws Error when the folder cannot be made or the file is no database */
  constructor(path: string, maxSize: number) {
    this.#maxSize = maxSize
    mkdirSync(path, { recursive: true })
    const file = join(path, 'cache.mdb')
    if (!mayBeDatabase(file)) throw new Error(`${file} is not a database, or not whole; it may be deleted`)
    const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
    // The map grows by itself where it is too small; beyond the bound by what a transaction may add before it evicts.
    this.#root = open<Buffer, Buffer>({
      ...binary,
      path: file,
      noSubdir: true,
      maxDbs: 2,
      mapSize: Math.ceil((maxSize * 1.25) / 65_536) * 65_536,
      // lmdb's default flushes beside the next transactions. When processes were killed in that, it has now and then left a
      // wrong list of free pages, over which LMDB ends the process that writes next.
      overlappingSync: false,
      // With it a commit that fails is also an unhandled rejection. The tier batches by itself.
      eventTurnBatching: false,
    })
    this.#records = this.#root.openDB<Buffer, Buffer>({ ...binary, name: 'records' })
    this.#order = this.#root.openDB<Buffer, Buffer>({ ...binary, name: 'order' })
  }

  /** Sees what other processes have written from here on. */
  refresh(): void {
    this.#root.resetReadTxn()
  }

  get(key: string): DiskRecord | undefined {
    const name = nameOf(key)
    const record = name && decodeRecord(this.#records.getBinary(name))
    return record?.key === key ? record : undefined
  }

  /** Runs `action` when it is its turn among all who write; resolves when others can see what it did. */
  async change(action: () => void): Promise<void> {
    // A throw inside would leave the transaction half done and committed.
    let failure: unknown
    try {
      await this.#root.transaction(() => {
        try {
          action()
        } catch (error) {
          failure = error
        }
      })
    } catch (error) {
      this.#failed = true
      throw await whyNot(error)
    }
    if (failure !== undefined) throw failure
  }

  /** Inside `change`. Unless there is one with a later time that has not expired. */
  put(record: DiskRecord, now: number): void {
    const name = nameOf(record.key)
    if (!name) return
    const before = decodeRecord(this.#records.getBinary(name))
    if (before) {
      if (before.key === record.key && before.at > record.at && before.expiresAt > now) return
      this.#order.removeSync(orderOf(before, name))
    }
    if (record.expiresAt <= now || (record.frame?.byteLength ?? 0) > this.#maxSize / 16) {
      this.#records.removeSync(name)
      return
    }
    this.#records.putSync(name, encodeRecord(record))
    this.#order.putSync(orderOf(record, name), Buffer.alloc(0))
  }

  /** Inside `change`: what has expired, at most `limit` of each kind. @returns how many */
  sweep(now: number, limit: number): number {
    let removed = 0
    for (const kind of orderKinds) removed += this.#remove(Buffer.from([kind]), orderAt(kind, now), limit)
    return removed
  }

  /** Inside `change`: lets go of at most `limit`. @returns how many left: fewer than `limit` when there is room again */
  evict(share: number, limit: number): number {
    let removed = 0
    while (removed < limit && this.#live() > this.#maxSize * share) {
      const gone = this.#remove(Buffer.from([0]), Buffer.from([0xff]), Math.min(8, limit - removed))
      if (gone === 0) break
      removed += gone
    }
    return removed
  }

  /** Bytes of the file: it grows to what was needed at most, and is filled again from within. */
  get fileBytes(): number {
    const stats = this.#root.getStats()
    return (count(stats, 'lastPageNumber') + 1) * count(stats, 'pageSize')
  }

  get entries(): number {
    return count(this.#records.getStats(), 'entryCount')
  }

  /** Keys that start with `prefix`, from `after` on, a few of them; with the name of the last. */
  keys(
    prefix: string,
    after: Buffer | undefined,
    now: number,
  ): { found: string[]; last: Buffer | undefined } {
    const first = prefixOf(prefix)
    const found: string[] = []
    if (!first) return { found, last: undefined }
    this.refresh()
    let last: Buffer | undefined
    let seen = 0
    for (const { key: name, value } of this.#records.getRange({ start: after ?? first, limit: step + 1 })) {
      if (!name.subarray(0, first.byteLength).equals(first)) return { found, last: undefined }
      if (after?.equals(name)) continue
      seen++
      last = Buffer.from(name)
      const record = decodeRecord(value)
      if (record?.frame && record.expiresAt > now && record.key.startsWith(prefix)) found.push(record.key)
    }
    return { found, last: seen < step ? undefined : last }
  }

  /** Readers that were killed keep old pages from being used again. */
  forgetDeadReaders(): void {
    this.#root.readerCheck()
  }

  async close(): Promise<void> {
    const closed = this.#root.close()
    // It waits for the flush of every commit, also of one that failed.
    if (this.#failed) closed.catch(() => undefined)
    else await closed
  }

  #live(): number {
    let pages = 0
    for (const stats of [this.#records.getStats(), this.#order.getStats()]) {
      pages +=
        count(stats, 'treeBranchPageCount') +
        count(stats, 'treeLeafPageCount') +
        count(stats, 'overflowPages')
    }
    return pages * count(this.#root.getStats(), 'pageSize')
  }

  #remove(start: Buffer, end: Buffer, limit: number): number {
    const orders = [...this.#order.getKeys({ start, end, limit })].map((order) => Buffer.from(order))
    for (const order of orders) {
      this.#records.removeSync(nameInOrder(order))
      this.#order.removeSync(order)
    }
    return orders.length
  }
}

/** A failed commit has its reason in a promise of its own, which nobody else handles. */
const whyNot = async (error: unknown): Promise<unknown> => {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (reason) {
    return reason
  }
}

/** Whether both heads of the file are LMDB's: of any other file, opening it would end the process. */
const mayBeDatabase = (file: string): boolean => {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0) return true
  const bytes = Buffer.alloc(65_536 + 64)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, bytes, 0, bytes.byteLength, 0)
  } finally {
    closeSync(descriptor)
  }
  const page = bytes.readUInt32LE(48)
  return (
    page >= 256 &&
    page <= 65_536 &&
    size >= 2 * page &&
    bytes.readUInt32LE(24) === 0xbeefc0de &&
    bytes.readUInt32LE(page + 24) === 0xbeefc0de
  )
}

/** One number of a database's statistics. */
const count = (stats: object, name: string): number => {
  const value: unknown = Reflect.get(stats, name)
  return typeof value === 'number' ? value : 0
}
