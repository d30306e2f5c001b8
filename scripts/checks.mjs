import { build } from './build.mjs'
import { run } from './command.mjs'
import { checkPublished } from './published.mjs'
import { isHouse, runTests, testFiles } from './tests.mjs'

/**
 * @typedef {import('./command.mjs').Result} Result
 * @typedef {object} Check
 * @property {string} name
 * @property {() => Promise<Result>} run
 * @property {string} [after] another check without which this one says nothing
 * @property {boolean} [show] its output is worth seeing when all is well
 */

/** @type {readonly Check[]} */
export const checks = [
  {
    name: 'lint and format',
    run: () => run('biome', ['check', '--error-on-warnings', '--diagnostic-level=warn', '--colors=off']),
  },
  { name: 'build', run: build },
  { name: 'types of tests', run: () => run('tsc', ['-p', 'tsconfig.check.json', '--pretty', 'false']) },
  { name: 'house rules', run: () => runTests(testFiles().filter(isHouse)) },
  { name: 'published packages', run: checkPublished, after: 'build' },
]

/** @type {Check} */
export const tests = {
  name: 'tests',
  run: () =>
    runTests(
      testFiles().filter((file) => !isHouse(file)),
      { show: true },
    ),
  show: true,
}

/**
 * Runs every check, so that one run tells all there is to mend.
 *
 * @param {readonly Check[]} list
 * @returns {Promise<number>} exit code
 */
export const runChecks = async (list) => {
  const started = Date.now()
  /** @type {string[]} */
  const failed = []
  for (const check of list) {
    process.stdout.write(check.show ? `${check.name}\n` : check.name.padEnd(24))
    if (check.after !== undefined && failed.includes(check.after)) {
      console.log(`not run, as "${check.after}" failed`)
      continue
    }
    const from = Date.now()
    const { code, output, interrupted } = await check.run()
    const seconds = `${((Date.now() - from) / 1000).toFixed(1)} s`
    if (interrupted) return code || 130
    if (code !== 0) failed.push(check.name)
    console.log(`${check.show ? check.name.padEnd(24) : ''}${code === 0 ? 'ok' : 'FAILED'} ${seconds}`)
    if (code !== 0) process.stdout.write(output)
  }
  const total = `${((Date.now() - started) / 1000).toFixed(0)} s`
  console.log(failed.length === 0 ? `All is well (${total}).` : `Failed: ${failed.join(', ')} (${total}).`)
  return failed.length === 0 ? 0 : 1
}
