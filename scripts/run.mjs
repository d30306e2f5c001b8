import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { checks, runChecks, tests } from './checks.mjs'
import { root, run } from './command.mjs'
import { setUp } from './setup.mjs'
import { runTests, select, source } from './tests.mjs'

/** @param {readonly string[]} args */
const test = async (args) => {
  if (args.length === 0) return runChecks([...checks, tests])
  const { files, flags } = select(args)
  if (files.length > 0) return (await runTests(files, { flags, show: true })).code
  console.error(`No test files in ${args.join(' ')}`)
  return 1
}

/** @param {readonly string[]} args */
const bench = async ([name, ...args]) => {
  const folder = join(root, 'test', 'bench')
  const names = existsSync(folder)
    ? readdirSync(folder).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -'.ts'.length)] : []))
    : []
  if (name !== undefined && names.includes(name)) {
    return (await run('node', [source, `test/bench/${name}.ts`, ...args], { show: true })).code
  }
  console.error(`Usage: npm run bench -- <name> [arguments], with one of these names:\n${names.join('\n')}`)
  return 1
}

/** @type {Record<string, (args: readonly string[]) => Promise<number>>} */
const tasks = {
  start: async (args) => (await run('node', [source, 'examples/run.ts', ...args], { show: true })).code,
  test,
  check: () => runChecks(checks),
  build: async () => {
    const { code, output } = await build()
    process.stdout.write(output)
    return code
  },
  bench,
}

const [task = '', ...args] = process.argv.slice(2)
const execute = tasks[task]
if (execute === undefined) {
  console.error(`Usage: node scripts/run.mjs <${Object.keys(tasks).join(' | ')}> [arguments]`)
  process.exitCode = 1
} else {
  process.exitCode = (await setUp()) ? await execute(args) : 1
}
