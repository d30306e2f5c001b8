import type { Outcome } from '@millrace/core'
import type { Ended } from './events.ts'

/** How an exchange ended. */
export const exchangeEnded = ({ status, aborted, broken }: Outcome): Ended => {
  if (broken) return 'error'
  if (aborted) return 'aborted'
  if (status === 504) return 'timeout'
  if (status === 503 || status === 429) return 'rejected'
  return status >= 500 || status === 0 ? 'error' : 'ok'
}

/** How a call ended that has thrown. */
export const callFailed = (error: unknown): Ended => {
  switch (errorTypeOf(error)) {
    case 'AbortError':
      return 'aborted'
    case 'TimeoutError':
    case 'DeadlineError':
      return 'timeout'
    default:
      return 'error'
  }
}

/** An error's name: a label of few values, where messages have many. */
export const errorTypeOf = (error: unknown): string => {
  if (error instanceof Error) return error.name
  return typeof error === 'object' && error !== null ? 'object' : typeof error
}
