import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import type { Level } from './pressure-policy.ts'

/**
 * How full memory is. Answers at once: what the system says about itself is not on a disk, and who writes in a loop
 * would never wait for an answer.
 */
export interface MemoryReader {
  read(): readonly Level[]
}

/** The heap of this process, and the container that it runs in, where there is one. */
export const systemMemory = (): MemoryReader => {
  const heapLimit = oldSpaceLimit()
  const group = containerGroup()
  return {
    read: () => {
      const heap: Level = { used: heapUsed(), limit: heapLimit }
      const container = group?.()
      return container === undefined ? [heap] : [heap, container]
    },
  }
}

/**
 * All that is in the heap, the young included, measured against the old space: a process dies when that has no room, however
 * much there is for the young, and what a cache was just given is young and about to become old.
 */
const heapUsed = (): number => getHeapStatistics().used_heap_size

/** V8 reserves three semi-spaces beside the old space, each a 64th of it, and reports the sum. */
const youngShare = 3 / 64

const oldSpaceLimit = (): number => {
  const flags = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)].join(' ')
  const megabytes = /--max[-_]old[-_]space[-_]size[= ](\d+)/.exec(flags)?.[1]
  if (megabytes !== undefined && Number(megabytes) > 0) return Number(megabytes) * 2 ** 20
  return getHeapStatistics().heap_size_limit / (1 + youngShare)
}

/** Reads a file of the system; undefined where there is none. */
export type ReadText = (path: string) => string | undefined

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** More than any machine has: version 1 says so for no limit. */
const unlimited = 2 ** 50

interface GroupFiles {
  readonly limit: string
  readonly used: string
  readonly stat: string
  /** The cache of files that the system would give up first is not what memory runs short of. */
  readonly reclaimable: RegExp
}

const versions: readonly (GroupFiles & { readonly line: RegExp; readonly root: string })[] = [
  {
    line: /^0::(.*)$/m,
    root: '/sys/fs/cgroup',
    limit: 'memory.max',
    used: 'memory.current',
    stat: 'memory.stat',
    reclaimable: /^inactive_file (\d+)$/m,
  },
  {
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    stat: 'memory.stat',
    reclaimable: /^total_inactive_file (\d+)$/m,
  },
]

/**
 * How to read the container's level: of the nearest group that has a limit, from the process's own up to the root, which is
 * also where the files are when the container sees only its own part of the tree.
 */
export const containerGroup = (
  read: ReadText = readText,
  constrained: number = process.constrainedMemory(),
): (() => Level | undefined) | undefined => {
  const own = read('/proc/self/cgroup') ?? ''
  for (const { line, root, ...files } of versions) {
    const path = line.exec(own)?.[1]
    if (path === undefined) continue
    const parts = path.split('/').filter((part) => part !== '')
    for (let depth = parts.length; depth >= 0; depth--) {
      const folder = join(root, ...parts.slice(0, depth))
      const limit = number(read(join(folder, files.limit)))
      if (limit !== undefined && limit > 0 && limit < unlimited)
        return () => levelOf(folder, files, limit, read)
    }
  }
  if (!(constrained > 0 && constrained < unlimited)) return undefined
  return () => ({ used: process.memoryUsage.rss(), limit: constrained })
}

const levelOf = (folder: string, files: GroupFiles, before: number, read: ReadText): Level | undefined => {
  const used = number(read(join(folder, files.used)))
  if (used === undefined) return undefined
  // A limit may be changed while the container runs.
  const limit = number(read(join(folder, files.limit))) ?? before
  const reclaimable = Number(files.reclaimable.exec(read(join(folder, files.stat)) ?? '')?.[1] ?? 0)
  return { used: Math.max(0, used - reclaimable), limit }
}

const number = (text: string | undefined): number | undefined => {
  const trimmed = text?.trim() ?? ''
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined
}
