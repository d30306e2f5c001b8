import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parseArgs } from 'node:util'
import { check, printChecked, warningsOf } from './check.ts'
import { loadConfig } from './config.ts'
import { explain, printExplained } from './explain.ts'
import { json } from './print.ts'
import { ProblemError } from './problem.ts'
import { TableFile, tableEndings } from './table-file.ts'

/** What a run of the program leaves behind. */
export interface Outcome {
  /** 0: fine; 1: the configuration or the question has a problem; 2: wrong use. */
  readonly code: 0 | 1 | 2
  readonly stdout: string
  readonly stderr: string
}

const usage = `Usage: millrace <command> [options]

  millrace check                     is the configuration right?
  millrace explain <METHOD> <path>   which layers does this request meet, and which rule says so?
  millrace schema                    the JSON Schema of a table file, for editors

Options:
  --config <file>   the module that exports the Millrace as "mill"
                    (default: millrace.config.ts, .mts, .js or .mjs in this folder)
  --table <file>    check, explain: a YAML or JSON file { routes, calls } in the place of the module's own table
  --json            check, explain: print JSON
  --help            print this
  --version         print the version
`

const options = {
  config: { type: 'string' },
  table: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  version: { type: 'boolean', default: false },
} as const

/** The command line cannot be understood. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The program, but for the process around it. */
export const run = async (args: readonly string[], cwd: string): Promise<Outcome> => {
  try {
    const { values, positionals } = parse(args)
    if (values.help) return fine(usage)
    if (values.version) return fine(`${version()}\n`)
    const answer = commandOf(positionals, values)
    return await reporting(values.json, () => answer(cwd))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { code: 2, stdout: '', stderr: `${error.message}\nSee millrace --help.\n` }
  }
}

const fine = (stdout: string, warnings: readonly string[] = []): Outcome => ({
  code: 0,
  stdout,
  stderr: lines(warnings),
})

/** Problems go to people, and to machines where they look for the answer. */
const reporting = async (asJson: boolean, answer: () => Promise<Outcome>): Promise<Outcome> => {
  try {
    return await answer()
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const { problems } = error
    return { code: 1, stdout: asJson ? json({ problems }) : '', stderr: lines(problems) }
  }
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('')

const parse = (args: readonly string[]): ReturnType<typeof parseArgs<Described>> => {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Described = { readonly options: typeof options; readonly allowPositionals: true }
type Values = ReturnType<typeof parse>['values']

/** @throws UsageError */
const commandOf = (positionals: readonly string[], values: Values): ((cwd: string) => Promise<Outcome>) => {
  const { config, table } = values
  const [command, ...given] = positionals
  const mill = async (cwd: string): ReturnType<typeof loadConfig> => {
    const loaded = await loadConfig(cwd, config)
    if (table !== undefined) new TableFile(cwd, table).apply(loaded)
    return loaded
  }
  if (table !== undefined && !tableEndings.includes(extname(table)))
    throw new UsageError(`--table ${table}: expected a file that ends in ${tableEndings.join(', ')}`)
  switch (command) {
    case 'check':
      expectNone(command, given)
      return async (cwd) => {
        const checked = check(await mill(cwd))
        return fine(values.json ? json(checked) : printChecked(checked), warningsOf(checked))
      }
    case 'explain': {
      const [method, path] = request(given)
      return async (cwd) => {
        const explained = explain(await mill(cwd), method, path)
        return fine(values.json ? json(explained) : printExplained(explained))
      }
    }
    case 'schema':
      expectNone(command, given)
      if (table !== undefined || values.json)
        throw new UsageError(
          'schema takes no --table and no --json: it tells the schema of every table, as JSON',
        )
      return async (cwd) => fine(json((await mill(cwd)).schema()))
    default:
      throw new UsageError(
        command === undefined
          ? 'Expected a command: check, explain or schema.'
          : `Unknown command "${command}": expected check, explain or schema.`,
      )
  }
}

const expectNone = (command: string, given: readonly string[]): void => {
  if (given.length > 0) throw new UsageError(`${command} takes no arguments, got ${given.join(' ')}`)
}

const request = ([method, path, ...more]: readonly string[]): readonly [method: string, path: string] => {
  if (method === undefined || path === undefined || more.length > 0)
    throw new UsageError('explain takes a method and a path, as in: millrace explain GET /cities/5')
  if (!/^[A-Za-z-]+$/.test(method)) throw new UsageError(`expected a method such as GET, got "${method}"`)
  if (!path.startsWith('/')) throw new UsageError(`expected a path that starts with "/", got "${path}"`)
  return [method, path]
}

const version = (): string => {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return manifest.version
}
