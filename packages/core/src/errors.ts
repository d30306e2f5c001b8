/** The configuration is wrong. Each problem names its place, what was expected and what was given. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'ERR_MILLRACE_CONFIG'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/**
 * A path that two readers could take for different routes, and for which the table says different things. Hosts
 * answer it with 400: no honest client sends one.
 */
export class AmbiguousPathError extends Error {
  override readonly name = 'AmbiguousPathError'
  readonly code = 'ERR_MILLRACE_AMBIGUOUS_PATH'
  readonly status = 400
  readonly statusCode = 400
  readonly expose = true

  constructor() {
    super('Bad Request: ambiguous path')
  }
}

/** Nobody has said which app a request of Millrace's own is to go through. */
export class UnmountedError extends Error {
  override readonly name = 'UnmountedError'
  readonly code = 'ERR_MILLRACE_UNMOUNTED'

  constructor() {
    super('it is not known where the app is: say it by listener(mill, app), or by mount(mill, app)')
  }
}
