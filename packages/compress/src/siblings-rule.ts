import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { callback, type Exchange, type Reply } from '@millrace/core'
import { z } from 'zod'

/** Tells which file a handler has sent; undefined for none. */
export type FindFile = (exchange: Exchange, reply: Reply) => string | undefined

/** Where the files are that a handler sends. */
export interface SiblingsOf {
  /** The folder that a file server was given, such as `./public`. */
  readonly root: string
  /** What stands before their names in a path: where the file server is mounted, such as `/static`. Default: nothing. */
  readonly prefix?: string | undefined
}

export interface Finder {
  readonly find: FindFile
  /** Whether its word is enough where a reply says neither how long it is nor from when. */
  readonly isSure: boolean
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

export const siblingsSchema: z.ZodType<Finder, SiblingsOf | FindFile> = z
  .union([z.strictObject({ root: z.string(), prefix: z.string().optional() }), callback<FindFile>()])
  .transform((given, { addIssue }): Finder => {
    if (typeof given === 'function') return { find: given, isSure: true }
    const { root, prefix = '' } = given
    if (!isFolder(root))
      addIssue({ code: 'custom', path: ['root'], message: 'expected a folder that is there' })
    if (!/^(?:\/.*[^/])?$/.test(prefix))
      addIssue({
        code: 'custom',
        path: ['prefix'],
        message: 'expected a path such as "/static"',
      })
    const folder = resolve(root)
    return { find: ({ path }) => fileIn(folder, prefix, path), isSure: false }
  })

/**
 * The file that a path names, decoded once. Of a folder it is the `index.html`.
 *
 * @returns undefined for what file servers do not give out: what is outside of the root, or begins with a dot
 */
export const fileIn = (root: string, prefix: string, path: string): string | undefined => {
  if (!path.startsWith(`${prefix}/`)) return undefined
  const name = decoded(path.slice(prefix.length))
  if (name === undefined || /[\0\\]|\/[./]/.test(name)) return undefined
  return join(root, name.endsWith('/') ? `${name}index.html` : name)
}

const decoded = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}
