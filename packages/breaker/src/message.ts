import { statusOf } from './status.ts'

/** Long messages tend to have in them what was sent. */
const longest = 200

/** What an operator is shown of a failure: whatever was thrown, or an answer or a result that is one. Never throws itself. */
export const messageOf = (failure: unknown): string => said(failure).slice(0, longest)

const said = (failure: unknown): string => {
  if (typeof failure !== 'object' || failure === null) return String(failure)
  if ('message' in failure && typeof failure.message === 'string') return failure.message
  const status = statusOf(failure)
  return status === undefined ? 'a failure without a message' : `answered ${status}`
}
