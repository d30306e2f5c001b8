/** Something is wrong with what the user gave: each problem is a line that says what and where. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/**
 * The problems of a `ConfigError`; undefined for any other error. Known by its code, since the config module may have
 * loaded another copy of the core than this one.
 */
export const configProblems = (error: unknown): readonly string[] | undefined =>
  error instanceof Error &&
  hasCode(error, 'ERR_MILLRACE_CONFIG') &&
  'problems' in error &&
  Array.isArray(error.problems)
    ? error.problems.map(String)
    : undefined

/** Whether an error is an `AmbiguousPathError`, of whichever copy of the core. */
export const isAmbiguous = (error: unknown): boolean =>
  error instanceof Error && hasCode(error, 'ERR_MILLRACE_AMBIGUOUS_PATH')

const hasCode = (error: Error, code: string): boolean => 'code' in error && error.code === code

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
