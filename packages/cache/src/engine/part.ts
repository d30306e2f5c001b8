import { type Clock, within } from '@millrace/core'
import { type TierFailed, tierFailed } from '../events.ts'

/** How long any part of a cache may take to start or to stop, in milliseconds. */
const patience = 5000

/**
 * Starts or stops a part of a cache. One that fails or hangs is an event, and the cache goes on without it.
 *
 * @param failed told of the error; default the event
 */
export const turnPart = async (
  clock: Clock,
  name: string,
  operation: 'start' | 'stop',
  work: (() => Promise<unknown>) | undefined,
  failed: (operation: TierFailed['operation'], error: unknown) => void = tell(name),
): Promise<void> => {
  if (work === undefined) return
  try {
    await within(clock, patience, attempt(work), `${name} took over ${patience} ms to ${operation}`)
  } catch (error) {
    failed(operation, error)
  }
}

const attempt = async (work: () => Promise<unknown>): Promise<unknown> => work()

const tell =
  (tier: string) =>
  (operation: TierFailed['operation'], error: unknown): void => {
    if (tierFailed.hasSubscribers) tierFailed.publish({ tier, operation, error })
  }
