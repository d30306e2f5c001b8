/** It failed because somebody wanted to see what happens then. */
export class ChaosError extends Error {
  override readonly name = 'ChaosError'
  /** `ECONNRESET` where it stands for a connection that was cut. */
  readonly code: string
  /** What hosts answer it with. */
  readonly status: number

  constructor(message: string, status: number, code = 'ERR_MILLRACE_CHAOS') {
    super(message)
    this.status = status
    this.code = code
  }

  /** The same as `status`, as some hosts have it. */
  get statusCode(): number {
    return this.status
  }
}
