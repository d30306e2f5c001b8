import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the workspace: its path from the root, and what it says. */
export interface File {
  readonly path: string
  readonly text: string
}

type Dependencies = Readonly<Record<string, string>>

/** What the checks read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version?: string
  readonly description?: string
  readonly license?: string
  readonly type?: string
  readonly private?: boolean
  readonly engines?: { readonly node?: string }
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly files?: readonly string[]
  readonly publishConfig?: { readonly access?: string }
  readonly dependencies?: Dependencies
  readonly devDependencies?: Dependencies
  readonly peerDependencies?: Dependencies
  readonly optionalDependencies?: Dependencies
}

/** A package of the workspace. */
export interface Room {
  /** Its folder from the root, such as `packages/core`; empty for the workspace itself. */
  readonly path: string
  readonly manifest: Manifest
  /** Folders of its tsconfig's references, from the root. */
  readonly references: readonly string[]
  /** Names of the files in its folder. */
  readonly files: readonly string[]
}

export const root: string = join(import.meta.dirname, '../..')

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const readReferences = (folder: string): string[] => {
  const path = join(folder, 'tsconfig.json')
  if (!existsSync(join(root, path))) return []
  const { references = [] }: { references?: { path: string }[] } = JSON.parse(read(path))
  return references.map((reference) => join(folder, reference.path))
}

const readRoom = (path: string): Room => ({
  path,
  manifest: JSON.parse(read(join(path, 'package.json'))),
  references: readReferences(path),
  files: readdirSync(join(root, path)),
})

const folders = (path: string): string[] =>
  existsSync(join(root, path))
    ? readdirSync(join(root, path))
        .map((name) => `${path}/${name}`)
        .filter((folder) => existsSync(join(root, folder, 'package.json')))
    : []

/** Every package: the workspace itself, the published ones, the examples and the tests. */
export const readRooms = (): Room[] =>
  ['', ...folders('packages'), ...folders('examples'), 'test'].map(readRoom)

/** What is installed or made by a run; such folders may be renamed or removed while a check reads. */
const notOurs = (name: string): boolean => name === 'node_modules' || name === 'dist' || name.startsWith('.')

const walk = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return notOurs(entry.name) ? [] : walk(path)
    return [path]
  })

/** Every file of the workspace with one of the given endings. */
export const readFiles = (...endings: string[]): File[] =>
  walk('')
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path, text: read(path) }))
