import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parseArgs } from 'node:util'
import { check, printChecked, warningsOf } from './check.ts'
import { loadConfig } from './config.ts'
import { dashboardOf } from './dashboard.ts'
import { explain, printExplained } from './explain.ts'
import { json } from './print.ts'
import { ProblemError, UsageError } from './problem.ts'
import { printRules } from './rule-file.ts'
import { rulesOf } from './rules.ts'
import { TableFile, tableEndings } from './table-file.ts'
import { thresholdsOf } from './thresholds.ts'

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
  millrace rules <job>               alert and recording rules for the app that Prometheus scrapes as this job
  millrace dashboard                 a Grafana dashboard for the installed plugins

Options:
  --config <file>   the module that exports the Millrace as "mill"
                    (default: millrace.config.ts, .mts, .js or .mjs in this folder)
  --table <file>    check, explain, rules: a YAML or JSON file { routes, calls } in the place of the module's own table
  --json            check, explain: print JSON
  --title <text>    dashboard: what it is called (default: Millrace)
  --help            print this
  --version         print the version

Options of rules, each a threshold beyond which there is an alert:
  --within <percent>        share in time that an objective without an availability promises (default: 99)
  --slow <duration>         99th percentile of a route's durations (default: 1s)
  --hit-rate <percent>      share of a cached route's lookups that the cache answers (default: 50)
  --memory <percent>        share of the heap's limit that is in use (default: 90)
  --loop-delay <duration>   99th percentile of the event loop's delay (default: 100ms)
`

const options = {
  config: { type: 'string' },
  table: { type: 'string' },
  json: { type: 'boolean' },
  title: { type: 'string' },
  within: { type: 'string' },
  slow: { type: 'string' },
  'hit-rate': { type: 'string' },
  memory: { type: 'string' },
  'loop-delay': { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

/** The options that a command reads, beside those that every command does. */
const reads: ReadonlyMap<string, readonly string[]> = new Map([
  ['check', ['config', 'table', 'json']],
  ['explain', ['config', 'table', 'json']],
  ['schema', ['config']],
  ['rules', ['config', 'table', 'within', 'slow', 'hit-rate', 'memory', 'loop-delay']],
  ['dashboard', ['config', 'title']],
])

/** The program, but for the process around it. */
export const run = async (args: readonly string[], cwd: string): Promise<Outcome> => {
  try {
    const { values, positionals } = parse(args)
    if (values.help) return fine(usage)
    if (values.version) return fine(`${version()}\n`)
    const answer = commandOf(positionals, values)
    return await reporting(values.json === true, () => answer(cwd))
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
  const [command = '', ...given] = positionals
  const known = [...reads.keys()]
  const commands = `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`
  const read = reads.get(command)
  if (command === '') throw new UsageError(`Expected a command: ${commands}.`)
  if (read === undefined) throw new UsageError(`Unknown command "${command}": expected ${commands}.`)
  const stray = Object.keys(values).filter((name) => !read.includes(name))
  if (stray.length > 0) throw new UsageError(`${command} takes no --${stray.join(' and no --')}`)
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
    case 'rules': {
      const job = jobOf(given)
      const thresholds = thresholdsOf(values)
      return async (cwd) => {
        const { file, warnings } = rulesOf(await mill(cwd), job, thresholds)
        return fine(
          printRules(file),
          warnings.map((text) => `warning: ${text}`),
        )
      }
    }
    case 'dashboard':
      expectNone(command, given)
      return async (cwd) => {
        const dashboard = dashboardOf(await mill(cwd), values.title ?? 'Millrace')
        const isEmpty = dashboard.panels.length === 0
        return fine(json(dashboard), isEmpty ? ['warning: no installed plugin measures anything'] : [])
      }
    default:
      // schema
      expectNone(command, given)
      return async (cwd) => fine(json((await mill(cwd)).schema()))
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

const jobOf = ([job, ...more]: readonly string[]): string => {
  if (job === undefined || more.length > 0)
    throw new UsageError('rules takes the job that Prometheus scrapes the app as, as in: millrace rules shop')
  return job
}

const version = (): string => {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return manifest.version
}
