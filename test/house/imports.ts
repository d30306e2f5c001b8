import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { type Finding, lineAt, lineOf } from './finding.ts'
import type { File, Manifest, Room } from './workspace.ts'

/** Who may import whom. A package that is not named here is a plugin. */
const neighbours: Readonly<Record<string, readonly string[]>> = {
  core: [],
  node: ['core'],
  express: ['core', 'node'],
  koa: ['core', 'node'],
  testing: ['core', 'node'],
  cli: ['core'],
}
const plugin = ['core']

/** Where the host's response lives: `node` captures and writes it, `testing` runs servers. */
const serverModules = /^(?:node:)?https?2?$/
const mayImportServers = ['packages/node', 'packages/testing']
const responseTypes = ['ServerResponse', 'Http2ServerResponse']
const mayNameResponses = ['packages/node']

/** One mention of another module, whether for values or for types. */
export interface Import {
  readonly specifier: string
  readonly line: number
}

interface Parsed {
  readonly imports: readonly Import[]
  readonly responses: readonly { readonly name: string; readonly line: number }[]
}

const parse = ({ path, text }: File): Parsed => {
  const imports: Import[] = []
  // By offset, as an import without `as` is visited as both of its names.
  const responses = new Map<number, { name: string; line: number }>()
  const add = (source: { value: unknown; start: number } | null): void => {
    if (typeof source?.value !== 'string') return
    imports.push({ specifier: source.value, line: lineAt(text, source.start) })
  }
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source.type === 'Literal' ? node.source : null),
    TSImportType: (node) => add(node.source),
    // `declare module 'express' { … }` adds to another module's types.
    TSModuleDeclaration: (node) => add(node.id.type === 'Literal' ? node.id : null),
    Identifier: ({ name, start }) => {
      if (responseTypes.includes(name)) responses.set(start, { name, line: lineAt(text, start) })
    },
  }).visit(parseSync(path, text).program)
  return { imports, responses: [...responses.values()] }
}

export const importsOf = (file: File): readonly Import[] => parse(file).imports

/** The package a file belongs to: the one with the longest path that holds it. */
const ownerOf = (path: string, rooms: readonly Room[]): Room => {
  const owner = rooms
    .filter((room) => room.path === '' || path.startsWith(`${room.path}/`))
    .reduce<Room | undefined>(
      (best, room) => (best && best.path.length > room.path.length ? best : room),
      undefined,
    )
  if (owner === undefined) throw new Error(`${path} belongs to no package`)
  return owner
}

/** `@scope/name/deep/file` is package `@scope/name`, entry `./deep/file`. */
const split = (specifier: string): { name: string; entry: string } => {
  const parts = specifier.split('/')
  const name = parts.splice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return { name, entry: ['.', ...parts].join('/') }
}

/** The source of an entry of one of our packages; undefined when the package exports no such entry. */
const sourceOf = (room: Room, entry: string): string | undefined => {
  const target = room.manifest.exports?.[entry]
  const source = typeof target === 'object' ? target['@millrace/source'] : target
  return source === undefined ? undefined : join(room.path, source)
}

const isPublished = (room: Room): boolean => room.path.startsWith('packages/')
const shortName = (room: Room): string => room.path.slice('packages/'.length)
const isSource = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path)

const declared = (manifest: Manifest, withDevelopment: boolean): Set<string> =>
  new Set(
    [
      manifest.dependencies,
      manifest.peerDependencies,
      manifest.optionalDependencies,
      withDevelopment ? manifest.devDependencies : undefined,
    ].flatMap((dependencies) => Object.keys(dependencies ?? {})),
  )

/** What is wrong with one import, if anything. */
const judge = (path: string, specifier: string, rooms: readonly Room[]): string | undefined => {
  const owner = ownerOf(path, rooms)
  if (specifier.startsWith('.')) {
    const target = join(dirname(path), specifier)
    const other = ownerOf(target, rooms)
    if (other !== owner && (isPublished(other) || isPublished(owner))) {
      return `imports a file of ${other.path || 'the workspace'} by its path`
    }
    if (isSource(path) && !isSource(target)) return `imports ${target}, which is not published`
    return undefined
  }
  if (isSource(path) && serverModules.test(specifier) && !mayImportServers.includes(owner.path)) {
    return `imports ${specifier}; only ${mayImportServers.join(' and ')} may`
  }
  if (isBuiltin(specifier)) return undefined

  const { name, entry } = split(specifier)
  const room = rooms.find((candidate) => candidate.manifest.name === name)
  if (room !== undefined) {
    if (sourceOf(room, entry) === undefined) return `imports ${specifier}, which ${name} does not export`
    if (isPublished(owner) && room !== owner) {
      const allowed = neighbours[shortName(owner)] ?? plugin
      const inTest = !isSource(path) && shortName(room) === 'testing'
      if (!allowed.includes(shortName(room)) && !inTest) {
        return `imports ${name}; ${shortName(owner)} may import ${allowed.join(' and ') || 'nothing of ours'}`
      }
    }
    if (room === owner) return isSource(path) ? `imports its own package by name` : undefined
  }
  if (declared(owner.manifest, !isSource(path)).has(name)) return undefined
  const where = isSource(path) ? 'dependencies or peerDependencies' : 'dependencies'
  return `imports ${name}, which is not in the ${where} of ${join(owner.path, 'package.json')}`
}

/** Every cycle is one finding, at the import that closes it. */
const findCycles = (graph: ReadonlyMap<string, readonly { target: string; line: number }[]>): Finding[] => {
  const findings: Finding[] = []
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (path: string): void => {
    trail.push(path)
    for (const { target, line } of graph.get(path) ?? []) {
      const start = trail.indexOf(target)
      if (start >= 0) {
        findings.push({ path, line, message: `import cycle: ${[...trail.slice(start), target].join(' → ')}` })
      } else if (!done.has(target)) visit(target)
    }
    trail.pop()
    done.add(path)
  }
  for (const path of graph.keys()) if (!done.has(path)) visit(path)
  return findings
}

/** A dependency that no source imports is installed by every user for nothing. */
const findUnused = (room: Room, imported: ReadonlySet<string>, manifestText: string): Finding[] =>
  Object.keys(room.manifest.dependencies ?? {})
    .filter((name) => !imported.has(name))
    .map((name) => ({
      path: join(room.path, 'package.json'),
      line: lineOf(manifestText, `"${name}"`),
      message: `depends on ${name}, which nothing in its src imports`,
    }))

/** Holds the import rules of the workspace over its TypeScript files. */
export const checkImports = (files: readonly File[], rooms: readonly Room[]): Finding[] => {
  const findings: Finding[] = []
  const graph = new Map<string, { target: string; line: number }[]>()
  const importedBy = new Map<Room, Set<string>>()
  for (const file of files) {
    const owner = ownerOf(file.path, rooms)
    const { imports, responses } = parse(file)
    const edges: { target: string; line: number }[] = []
    for (const { specifier, line } of imports) {
      const message = judge(file.path, specifier, rooms)
      if (message !== undefined) findings.push({ path: file.path, line, message })
      const { name, entry } = split(specifier)
      const room = rooms.find((candidate) => candidate.manifest.name === name)
      const target = specifier.startsWith('.')
        ? join(dirname(file.path), specifier)
        : room && sourceOf(room, entry)
      if (target !== undefined) edges.push({ target, line })
      if (isSource(file.path)) importedBy.set(owner, (importedBy.get(owner) ?? new Set()).add(name))
    }
    graph.set(file.path, edges)
    if (isSource(file.path) && !mayNameResponses.includes(owner.path)) {
      for (const { name, line } of responses) {
        findings.push({
          path: file.path,
          line,
          message: `names ${name}; only ${mayNameResponses.join()} may`,
        })
      }
    }
  }
  for (const room of rooms.filter(isPublished)) {
    const imported = importedBy.get(room) ?? new Set()
    findings.push(...findUnused(room, imported, JSON.stringify(room.manifest, null, 2)))
  }
  return [...findings, ...findCycles(graph)]
}
