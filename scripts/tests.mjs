import { existsSync, readdirSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { root, run } from './command.mjs'
import { mention, provide } from './program.mjs'
import { startRedis } from './redis.mjs'

/** @typedef {import('./command.mjs').Result} Result */

export const source = '--conditions=@millrace/source'

/** Folders whose names start with a dot hold what a run leaves behind. */
const skipped = (/** @type {string} */ name) =>
  name === 'node_modules' || name === 'dist' || name.startsWith('.')

/** @param {string} folder @returns {string[]} */
const testFilesIn = (folder) =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return skipped(entry.name) ? [] : testFilesIn(path)
    return entry.name.endsWith('.test.ts') ? [path] : []
  })

/** Every test file, from the workspace's root. */
export const testFiles = () =>
  ['packages', 'examples', 'test']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap(testFilesIn)
    .filter((path) => !path.startsWith('test/bench/'))
    .sort()

/** The checks of the house rules, which are tests of the source. */
export const isHouse = (/** @type {string} */ path) => path.startsWith('test/house/')

/**
 * The test files in the given places (in all, when none is given), and what is not a place: flags for node:test.
 *
 * @param {readonly string[]} args
 */
export const select = (args) => {
  const places = args
    .filter((arg) => !arg.startsWith('-'))
    .map((arg) => relative(root, resolve(root, arg)).split(sep).join('/'))
  return {
    files: testFiles().filter((file) =>
      places.some((place) => file === place || file.startsWith(`${place}/`)),
    ),
    flags: args.filter((arg) => arg.startsWith('-')),
  }
}

const reporter = new URL('reporter.mjs', import.meta.url).href

/** What others made to read what we encode. */
const decoders = ['brotli', 'zstd', 'gzip', 'curl'].map((program) => ({
  program,
  package: program,
  otherwise: `install ${program}`,
}))

const promtool = { program: 'promtool', package: 'prometheus', otherwise: 'install Prometheus' }

/** A test that takes longer hangs: then the run says which, instead of hanging as well. */
const limit = '--test-timeout=120000'

/**
 * @param {readonly string[]} files
 * @param {{ flags?: readonly string[], show?: boolean }} [options]
 * @returns {Promise<Result>}
 */
export const runTests = async (files, { flags = [], show = false } = {}) => {
  const reports = `--test-reporter=${show ? reporter : 'dot'}`
  if (mention(files, /\bpromtool\b/)) provide(promtool)
  if (mention(files, /\bdecodeBy\b/)) for (const decoder of decoders) provide(decoder)
  const redis = await startRedis(files)
  try {
    return await run('node', [source, '--test', reports, limit, ...flags, ...files], {
      env: redis.env,
      show,
    })
  } finally {
    redis.stop()
  }
}
