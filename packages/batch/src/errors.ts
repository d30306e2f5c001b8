/** As many are waiting as may. Hosts answer it with 503. */
export class BatchFullError extends Error {
  override readonly name = 'BatchFullError'
  readonly code = 'ERR_MILLRACE_BATCH_FULL'
  readonly status = 503

  constructor(name: string, limit: number) {
    super(`batch "${name}": ${limit} are waiting already`)
  }
}

/** It has been stopped and takes no more. Hosts answer it with 503. */
export class BatchStoppedError extends Error {
  override readonly name = 'BatchStoppedError'
  readonly code = 'ERR_MILLRACE_BATCH_STOPPED'
  readonly status = 503

  constructor(name: string) {
    super(`batch "${name}" has been stopped`)
  }
}

/** The function of a batch has not answered with one result for each of its items: a mistake in it. */
export class BatchResultError extends Error {
  override readonly name = 'BatchResultError'
  readonly code = 'ERR_MILLRACE_BATCH_RESULT'

  /** @param got what it answered with, or how many there were */
  constructor(name: string, expected: number, got: string) {
    super(`batch "${name}": expected an array of ${expected} results, one for each item in order, got ${got}`)
  }
}
