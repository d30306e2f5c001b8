import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import { determineTestResult } from 'http-cache-tests/lib/display.mjs'
import tests, { type Suite, type Test } from 'http-cache-tests/tests/index.mjs'
import surrogateControl from 'http-cache-tests/tests/surrogate-control.mjs'
import fetch from 'node-fetch'

export type Kind = NonNullable<Test['kind']>

const kinds: readonly Kind[] = ['required', 'optimal', 'check']

export interface Verdict {
  readonly id: string
  readonly suite: string
  readonly kind: Kind
  readonly passed: boolean
  /** The suite's mark: ✅ or Y, ⛔️ ⚠️ or N, 🔹 for a failed preparation, ⚪️ when a test that it depends on has failed. */
  readonly mark: string
  /** What the client saw, when it did not pass. */
  readonly message: string
}

/** Which tests to run; without a suite's and a test's id, all. */
export interface Choice {
  readonly suite?: string | undefined
  readonly id?: string | undefined
  /** Prints their requests and responses, as the client and as the origin sees them. */
  readonly dump?: boolean
}

const suites: readonly Suite[] = [...tests, surrogateControl]

/**
 * Runs the suite's client against a cache at the address. Once per process, as the client changes its tests while it
 * runs. Of some tests only, the tests that they depend on are not looked at.
 */
export const runSuite = async (
  base: string,
  { suite, id, dump = false }: Choice = {},
): Promise<Verdict[]> => {
  const chosen = suites
    .filter((one) => one.id === (suite ?? one.id))
    .map(
      (one): Suite => ({
        ...one,
        tests: one.tests
          .filter((test) => test.browser_only !== true && test.id === (id ?? test.id))
          .map((test) => ({ ...test, dump })),
      }),
    )
  await runTests(chosen, fetch, false, base)
  const results = getResults()
  const honorDependencies = suite === undefined && id === undefined
  return chosen.flatMap((one) =>
    one.tests.map(({ id, kind = 'required' }): Verdict => {
      const [, , mark] = determineTestResult(suites, id, results, honorDependencies)
      const result = results[id]
      return {
        id,
        suite: one.id,
        kind,
        passed: mark === '✅' || mark === 'Y',
        mark,
        message: result === true || result === undefined ? '' : result.join(': '),
      }
    }),
  )
}

/** How many of each kind have passed, as a sentence. */
export const tally = (verdicts: readonly Verdict[]): string =>
  kinds
    .map((kind) => {
      const all = verdicts.filter((verdict) => verdict.kind === kind)
      return `${kind} ${all.filter(({ passed }) => passed).length} of ${all.length}`
    })
    .join(', ')
