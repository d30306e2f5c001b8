import { readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import type { Millrace } from '@millrace/core'
import { type Document, isMap, isNode, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml'
import { configProblems, ProblemError } from './problem.ts'

/** `{ routes, calls }` as `mill.configure` takes it. */
type TableData = Parameters<Millrace['configure']>[0]

export const tableEndings: readonly string[] = ['.yaml', '.yml', '.json']

/** A table that was read, and where in its file everything stands. */
export class TableFile {
  readonly #name: string
  readonly #document: Document.Parsed<ParsedNode>
  readonly #lines: LineCounter
  readonly #data: TableData

  /** @throws ProblemError when the file cannot be read or parsed */
  constructor(cwd: string, name: string) {
    const text = read(resolve(cwd, name), name)
    this.#name = name
    this.#lines = new LineCounter()
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
    const { errors, warnings } = this.#document
    // A tag that nobody resolves is a warning to the parser, and a value that was not meant to the table.
    const problems = [...errors, ...warnings].map(({ pos, message }) => `${this.#at(pos[0])}: ${message}`)
    if (problems.length > 0) throw new ProblemError(problems)
    if (extname(name) === '.json') checkJson(text, name)
    if (!isMap(this.#document.contents)) {
      throw new ProblemError([`${name}: expected an object with "routes", "calls" or both`])
    }
    this.#data = toData(this.#document, name)
  }

  /** Puts the table in the place of the config module's own. @throws ProblemError naming the lines */
  apply(mill: Millrace): void {
    try {
      mill.configure(this.#data)
    } catch (error) {
      const problems = configProblems(error)
      if (problems === undefined) throw error
      throw new ProblemError(problems.map((problem) => `${this.#at(this.#offsetOf(problem))}: ${problem}`))
    }
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#name}:${line}:${col}`
  }

  /** Where the key stands that a problem begins with, or the innermost around it that is there. */
  #offsetOf(problem: string): number {
    let node: unknown = this.#document.contents
    let offset = 0
    for (const key of keysOf(problem)) {
      if (isMap(node)) {
        const pair = node.items.find((item) => String(item.key) === key)
        if (!pair) break
        if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(key)]
        if (isNode(node)) offset = node.range?.[0] ?? offset
      } else break
    }
    return offset
  }
}

/** @throws ProblemError when an alias has no anchor, or a few bytes would make millions of nodes */
const toData = (document: Document.Parsed<ParsedNode>, name: string): TableData => {
  try {
    const { $schema: _, ...data } = document.toJS()
    return data
  } catch (error) {
    throw new ProblemError([`${name}: ${messageOf(error)}`])
  }
}

/** The keys of `routes["GET /x"].cache.ttl: ...`, as `ConfigError` writes a place. */
const keysOf = (problem: string): readonly string[] =>
  [...problem.matchAll(/\.?([A-Za-z_$][\w$]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/gy)].flatMap(
    ([, name, index, quoted]) => name ?? index ?? (quoted === undefined ? [] : String(JSON.parse(quoted))),
  )

const read = (path: string, name: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ProblemError([`${name}: ${messageOf(error)}`])
  }
}

/** The YAML parser takes more than JSON, which the application's own `JSON.parse` would not. */
const checkJson = (text: string, name: string): void => {
  try {
    JSON.parse(text)
  } catch (error) {
    throw new ProblemError([`${name}: not JSON: ${messageOf(error)}`])
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
