import type { Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { type Clock, formatHttpDate, type HeaderMap } from '@millrace/core'
import type { Coding } from './coding.ts'
import { FileBody } from './file-body.ts'

const endings = [
  ['zstd', '.zst'],
  ['br', '.br'],
  ['gzip', '.gz'],
] as const satisfies readonly (readonly [Coding, string])[]

/** A file that was made of another one beforehand, and lies beside it: `app.js.br`. */
export interface Sibling {
  readonly coding: Coding
  readonly path: string
  readonly size: number
  /** Milliseconds. */
  readonly modified: number
}

/** A file that has some. */
export interface Original {
  readonly size: number
  readonly modified: number
  readonly siblings: readonly Sibling[]
}

interface Look {
  readonly until: number
  readonly original: Promise<Original | undefined>
}

/** Whoever asks again within a second need not look at the disk: to look at four files takes as long as to read a small one. */
const life = 1000
const mostLooks = 1000

/** What lies beside files. Remembers for a second, of a thousand files at most. */
export class Siblings {
  /** The oldest first. */
  readonly #looks = new Map<string, Look>()

  of(file: string, clock: Clock): Promise<Original | undefined> {
    const now = clock.elapsed()
    const known = this.#looks.get(file)
    if (known !== undefined && now < known.until) return known.original
    this.#looks.delete(file)
    const original = look(file)
    this.#looks.set(file, { until: now + life, original })
    const [oldest] = this.#looks.keys()
    if (this.#looks.size > mostLooks && oldest !== undefined) this.#looks.delete(oldest)
    return original
  }
}

const look = async (file: string): Promise<Original | undefined> => {
  const original = await fileAt(file)
  if (original === undefined) return undefined
  const beside = async ([coding, ending]: readonly [Coding, string]): Promise<readonly Sibling[]> => {
    const path = file + ending
    const found = await fileAt(path)
    // What is older was made of another version; an empty one of nothing.
    if (found === undefined || found.size === 0 || second(found) < second(original)) return []
    return [{ coding, path, ...found }]
  }
  const siblings = await Promise.all(endings.map(beside))
  return { ...original, siblings: siblings.flat() }
}

type Facts = Pick<Sibling, 'size' | 'modified'>

/** Programs that give a file the time of the one that they encode leave out the rest of it (brotli does). */
const second = ({ modified }: Facts): number => Math.floor(modified / 1000)

const fileAt = async (path: string): Promise<Facts | undefined> => {
  try {
    return factsOf(await stat(path))
  } catch {
    return undefined
  }
}

const factsOf = (stats: Stats): Facts | undefined =>
  stats.isFile() ? { size: stats.size, modified: stats.mtimeMs } : undefined

/**
 * Whether a handler sent this very file, by how long and from when its reply says that it is.
 *
 * @param isSure whether somebody else says so where the reply does not
 */
export const isOf = (headers: HeaderMap, { size, modified }: Original, isSure: boolean): boolean => {
  const says = (name: string, value: string): boolean => (headers.get(name) ?? (isSure && value)) === value
  return says('content-length', String(size)) && says('last-modified', formatHttpDate(modified))
}

/** Up to this many bytes are read at once. */
const small = 64 * 1024

/** @returns undefined when it is another one by now, or cannot be had */
export const openSibling = async ({
  path,
  size,
  modified,
}: Sibling): Promise<Uint8Array | FileBody | undefined> => {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const now = factsOf(await file.stat())
    if (now?.size === size && now.modified === modified) {
      if (size > small) {
        const body = new FileBody(file, size)
        file = undefined
        return body
      }
      const bytes = await file.readFile()
      if (bytes.byteLength === size) return bytes
    }
    return undefined
  } catch {
    return undefined
  } finally {
    await file?.close()
  }
}
