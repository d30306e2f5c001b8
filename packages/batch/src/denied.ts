import { type Exchange, problem, type Reply } from '@millrace/core'

/** A batch is refused as a whole, before any work has begun. */
export class BatchDeniedError extends Error {
  override readonly name = 'BatchDeniedError'
  readonly code = 'ERR_MILLRACE_BATCH_DENIED'
  readonly status: number
  /** In a word. */
  readonly why: string

  constructor(status: number, why: string, message: string) {
    super(message)
    this.status = status
    this.why = why
  }
}

/** @param allow the methods that there are */
export const denial = (
  { status, message }: BatchDeniedError,
  { httpVersion }: Exchange,
  allow: string,
): Reply => {
  const answer = problem(status, undefined, message)
  if (status === 405) answer.headers.set('allow', allow)
  if (status === 503) answer.headers.set('retry-after', 1)
  // The rest of what is being sent is not waited for.
  if ((status === 408 || status === 413) && httpVersion.startsWith('1'))
    answer.headers.set('connection', 'close')
  return answer
}
