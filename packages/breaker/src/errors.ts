/** Something was not done, or not waited for, to protect somebody. */
export abstract class ProtectionError extends Error {
  abstract readonly code: string
  /** What hosts and their error handlers answer it with. */
  abstract readonly status: number
  /** The route or the call that it stands at: `site.name`. */
  readonly at: string
  /** Milliseconds after which it may be worth to ask again; undefined where nobody can tell. */
  readonly retryAfter: number | undefined

  constructor(at: string, message: string, retryAfter?: number) {
    super(message)
    this.at = at
    this.retryAfter = retryAfter
  }

  /** The same as `status`, as some hosts have it. */
  get statusCode(): number {
    return this.status
  }
}

/** The circuit is open: what it protects was not called. */
export class BreakerOpenError extends ProtectionError {
  override readonly name = 'BreakerOpenError'
  readonly code = 'ERR_MILLRACE_BREAKER_OPEN'
  readonly status = 503

  /** @param retryAfter milliseconds until the next try; undefined where an operator has opened it */
  constructor(at: string, retryAfter: number | undefined) {
    super(at, `${at} is not available: its circuit is open`, retryAfter)
  }
}

/** It took longer than its deadline. The work was told to stop by its signal. */
export class TimeoutError extends ProtectionError {
  override readonly name = 'TimeoutError'
  readonly code = 'ERR_MILLRACE_TIMEOUT'
  readonly status = 504

  /** Whether the caller's own deadline was the shorter one: that says nothing about what was called. */
  readonly isCallers: boolean

  /** @param limit milliseconds */
  constructor(at: string, limit: number, isCallers = false) {
    super(at, `${at} did not answer within ${Math.round(limit)} ms`)
    this.isCallers = isCallers
  }
}

/** As many are at work as may be, and no more may wait, or it waited too long. */
export class BulkheadFullError extends ProtectionError {
  override readonly name = 'BulkheadFullError'
  readonly code = 'ERR_MILLRACE_BULKHEAD_FULL'
  readonly status = 503

  constructor(at: string, retryAfter: number | undefined) {
    super(at, `${at} is busy: as many are at work as may be`, retryAfter)
  }
}
