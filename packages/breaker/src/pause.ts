import type { Clock } from '@millrace/core'

/** Waits, until nobody waits for it any more. Somebody does: the process stays alive. @throws the signal's reason then */
export const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      timer.cancel()
      reject(signal.reason)
    }
    const due = (): void => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    const timer = clock.after(ms, due, true)
    signal.addEventListener('abort', leave, { once: true })
  })
}
