import { parseSize, type Size } from '@millrace/core'
import { LRUCache } from 'lru-cache'
import type { Entry, Store } from './store.ts'

export interface MemoryOptions {
  /** How much the entries may hold together, bodies and fields counted. Default `64mb`. */
  readonly maxSize?: Size
}

/** What an entry costs besides its bytes: objects, map slots, list links. */
const overhead = 512

/**
 * Entries in this process, the least recently used forgotten first.
 *
 * @throws RangeError when `maxSize` is no size
 */
export const memory = ({ maxSize = '64mb' }: MemoryOptions = {}): Store => {
  const limit = parseSize(maxSize)
  if (limit === undefined || limit <= 0 || limit === Number.POSITIVE_INFINITY) {
    throw new RangeError(
      `memory({ maxSize }): expected a size such as "64mb" or 1048576 (bytes), got ${typeof maxSize === 'number' ? maxSize : JSON.stringify(maxSize)}`,
    )
  }
  const entries = new LRUCache<string, Entry>({ maxSize: limit, sizeCalculation: sizeOf })
  return {
    name: 'memory',
    get: async (key) => entries.get(key),
    near: (key) => entries.get(key),
    set: async (key, entry) => {
      entries.set(key, entry)
    },
    delete: async (key) => {
      entries.delete(key)
    },
    inspect: () => ({ entries: entries.size, bytes: entries.calculatedSize, maxBytes: limit }),
  }
}

const sizeOf = (entry: Entry, key: string): number =>
  entry.body.byteLength + entry.fields.reduce((sum, text) => sum + text.length, 0) + key.length * 2 + overhead
