import type { Clock } from './clock.ts'

/** A wait took longer than its deadline. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
  readonly code = 'ERR_MILLRACE_DEADLINE'
}

/** What `promise` settles to, or a rejection with {@link DeadlineError} after `limit` milliseconds. */
export const within = <T>(clock: Clock, limit: number, promise: Promise<T>, message: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = clock.after(limit, () => reject(new DeadlineError(message)))
    promise.then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error)
      },
    )
  })
