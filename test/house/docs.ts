import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { type Finding, lineAt } from './finding.ts'
import { type File, root } from './workspace.ts'

/**
 * Code in the documentation is held to what it says. A fence begins with
 *
 * - `ts`: a module of its own, which is type-checked;
 * - `ts run`: is run as well, and has to end by itself, well and soon;
 * - `ts file=app.ts` (or any other language): is written to that file, so that the blocks of a page can import and
 *   read each other; blocks of one file are joined in their order, so that a page can tell a program in parts;
 * - `ts ignore`: is left alone.
 *
 * A fence inside an HTML comment counts like any other, and its reader does not see it.
 */
export interface Block {
  readonly page: string
  /** Of its first line of code. */
  readonly line: number
  readonly language: string
  /** Relative to the page's folder. */
  readonly file: string
  readonly run: boolean
  readonly code: readonly string[]
}

/** A file of one page, made of one block or several. */
interface Extract {
  readonly page: string
  /** From the folder that the pages are written to. */
  readonly path: string
  run: boolean
  readonly code: string[]
  /** For every line of code, the page's line that it comes from. */
  readonly lines: number[]
}

interface Fence {
  readonly marker: string
  readonly indent: string
  readonly language: string
  readonly words: readonly string[]
  readonly line: number
  readonly code: string[]
}

const opening = /^(?<indent>\s*)(?<marker>`{3,}|~{3,})\s*(?<info>[^`]*)$/

const fencesOf = ({ text }: File): Fence[] => {
  const fences: Fence[] = []
  let open: Fence | undefined
  for (const [index, line] of text.split('\n').entries()) {
    if (open !== undefined) {
      if (line.trim().startsWith(open.marker) && line.trim().replaceAll(open.marker[0] ?? '', '') === '')
        open = undefined
      else open.code.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart())
      continue
    }
    const { indent = '', marker, info = '' } = opening.exec(line)?.groups ?? {}
    if (marker === undefined) continue
    const [language = '', ...words] = info.trim().split(/\s+/)
    open = { marker, indent, language, words, line: index + 2, code: [] }
    fences.push(open)
  }
  return fences
}

/** The blocks of a page that are checked or written, and what is wrong with how its fences begin. */
export const blocksOf = (page: File): { blocks: Block[]; findings: Finding[] } => {
  const blocks: Block[] = []
  const findings: Finding[] = []
  for (const { language, words, line, code } of fencesOf(page)) {
    const add = (message: string): void => {
      findings.push({ path: page.path, line: line - 1, message })
    }
    if (language === 'typescript') add('write ts, so that the block is checked')
    const named = words.find((word) => word.startsWith('file='))?.slice('file='.length)
    if (language !== 'ts' && named === undefined) continue
    for (const word of words) {
      const known = word.startsWith('file=') || (language === 'ts' && (word === 'run' || word === 'ignore'))
      if (!known) add(`"${word}" after ${language}: expected file=<name>, run or ignore`)
    }
    if (named !== undefined && normalize(named).startsWith('..'))
      add(`file=${named} is outside the page's folder`)
    else if (!words.includes('ignore')) {
      blocks.push({
        page: page.path,
        line,
        language,
        file: named ?? `block-${line}.ts`,
        run: words.includes('run'),
        code,
      })
    }
  }
  return { blocks, findings }
}

const extractsOf = (blocks: readonly Block[]): Extract[] => {
  const extracts = new Map<string, Extract>()
  for (const { page, line, file, run, code } of blocks) {
    const path = join(page.replace(/\.md$/, ''), file)
    const extract = extracts.get(path) ?? { page, path, run: false, code: [], lines: [] }
    extract.run ||= run
    extract.code.push(...code)
    extract.lines.push(...code.map((_, index) => line + index))
    extracts.set(path, extract)
  }
  return [...extracts.values()]
}

/** The code of pages, written to files where imports find the workspace's packages. */
export interface Program {
  readonly folder: string
  readonly extracts: readonly Extract[]
}

/** Writes the code of pages below `test/`, whose package depends on everything that a page may import. */
export const writeProgram = (blocks: readonly Block[], name: string): Program => {
  const folder = join(root, 'test/.cache', name)
  rmSync(folder, { recursive: true, force: true })
  const extracts = extractsOf(blocks)
  for (const { path, code } of extracts) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), `${code.join('\n')}\n`)
  }
  const config = {
    extends: join(root, 'tsconfig.check.json'),
    // A page shows what a thing is called before it shows what it is for.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, moduleDetection: 'force' },
    include: [],
    files: extracts.map(({ path }) => path).filter((path) => path.endsWith('.ts')),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return { folder, extracts }
}

const execute = async (
  command: string,
  args: readonly string[],
  cwd: string,
  limit?: number,
): Promise<{ code: number | null; output: string }> => {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(limit === undefined ? {} : { timeout: limit, killSignal: 'SIGKILL' }),
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  return { code, output }
}

/**
 * The compiler's errors in the pages, at their lines. Errors in what the pages import are the business of other checks.
 */
export const checkTypes = async ({ folder, extracts }: Program): Promise<Finding[]> => {
  if (!extracts.some(({ path }) => path.endsWith('.ts'))) return []
  const tsc = join(root, 'node_modules/.bin/tsc')
  const { output } = await execute(tsc, ['-p', '.', '--pretty', 'false'], folder)
  const findings: Finding[] = []
  // A message of several lines goes on with lines that are indented.
  for (const error of output.split(/\n(?! )/).filter((text) => text !== '')) {
    const {
      path,
      row,
      message = error,
    } = /^(?<path>\S+?)\((?<row>\d+),\d+\): (?<message>.*)$/s.exec(error)?.groups ?? {}
    const extract = extracts.find((candidate) => candidate.path === path)
    if (extract !== undefined) {
      findings.push({ path: extract.page, line: extract.lines[Number(row) - 1] ?? 1, message })
    } else if (path === undefined) findings.push({ path: folder, line: 1, message })
  }
  return findings
}

/** Runs one file of a page; it has to end by itself within the limit, without an error. */
export const runExtract = async (
  { folder }: Program,
  extract: Extract,
  limit = 20_000,
): Promise<Finding[]> => {
  const file = join(folder, extract.path)
  const args = ['--conditions=@millrace/source', file]
  const { code, output } = await execute(process.execPath, args, dirname(file), limit)
  if (code === 0) return []
  const [, place = '1'] = output.split(`${file}:`)
  const line = extract.lines[Number.parseInt(place, 10) - 1] ?? extract.lines[0] ?? 1
  const how = code === null ? `still ran after ${limit / 1000} s` : `ended with ${code}`
  return [{ path: extract.page, line, message: `${how}\n${output}` }]
}

/** The anchors that a page's headings make. */
const anchorsOf = (text: string): string[] => {
  const seen = new Map<string, number>()
  return [...text.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = words.replace(/[^\p{Letter}\p{Number}\p{Mark} _-]/gu, '').replaceAll(' ', '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  })
}

/** The page with its code blanked, so that neither a link nor a heading is found in code. */
const proseOf = (page: File): string => {
  const lines = page.text.split('\n')
  for (const { line, code } of fencesOf(page)) lines.fill('', line - 1, line - 1 + code.length)
  return lines.join('\n').replace(/`[^`\n]+`/g, (code) => code.replace(/[^`]/g, ' '))
}

/** Links that lead nowhere: to no file, or to no heading of a page. */
export const checkLinks = (pages: readonly File[], exists: (path: string) => boolean): Finding[] => {
  const findings: Finding[] = []
  for (const page of pages) {
    const prose = proseOf(page)
    const links =
      /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^ {0,3}\[[^\]]+\]:\s*(\S+)|(?:href|src)="([^"]+)"/gm
    for (const match of prose.matchAll(links)) {
      const target = match[1] ?? match[2] ?? match[3] ?? ''
      if (/^[a-z][a-z+.-]*:|^\/\//i.test(target)) continue
      const [path = '', anchor] = decodeURI(target).split('#')
      const file = path === '' ? page.path : join(path.startsWith('/') ? '' : dirname(page.path), path)
      const add = (message: string): void => {
        findings.push({ path: page.path, line: lineAt(prose, match.index), message })
      }
      if (!exists(file.replace(/^\//, ''))) add(`links to ${target}, which is not there`)
      else if (anchor !== undefined && file.endsWith('.md')) {
        const other = pages.find((candidate) => candidate.path === file)
        if (other && !anchorsOf(other.text).includes(anchor))
          add(`links to ${target}, which has no such heading`)
      }
    }
  }
  return findings
}
