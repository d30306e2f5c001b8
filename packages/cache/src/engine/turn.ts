import { within } from '@millrace/core'
import { tierFailed } from '../events.ts'
import type { Lock, Locker } from '../tier.ts'
import type { Engine } from './engine.ts'
import { farKey } from './key.ts'
import type { Resolved } from './options.ts'

/** Whose turn it is: what another process has brought, or this one's, until it calls `release`. */
export type Turn<T> =
  | { readonly brought: T }
  | { readonly brought?: undefined; readonly release: () => Promise<void> }

/** In milliseconds. */
const longestPatience = 1000

const free = { release: async (): Promise<void> => {} }

/**
 * One process works for all, the others wait for it, and for one more when it dies; then each of them works by itself. So
 * it is too when no locker is there, or it fails.
 *
 * @param look for what another process has brought
 */
export const takeTurn = async <T>(
  engine: Engine,
  key: string,
  options: Resolved,
  look: () => Promise<T | undefined>,
): Promise<Turn<T>> => {
  const { clock, locker } = engine
  if (options.lock === 0 || locker === undefined) return free
  const name = farKey(key)

  const ask = async <A>(work: (locker: Locker) => Promise<A>, limit: number): Promise<A | 'failed'> => {
    try {
      return await within(clock, limit, work(locker), 'the locker took too long')
    } catch (error) {
      if (tierFailed.hasSubscribers) tierFailed.publish({ tier: 'locker', operation: 'lock', error })
      return 'failed'
    }
  }
  const held = (lock: Lock) => ({
    release: async (): Promise<void> => {
      await ask(() => lock.release(), options.tierTimeout)
    },
  })

  const until = clock.elapsed() + 2 * options.lock + options.tierTimeout
  // A release that was lost would be waited for until the lock expires, so each looks by itself, ever less often.
  for (let patience = options.tierTimeout; ; patience = Math.min(2 * patience, longestPatience)) {
    const lock = await ask((locker) => locker.acquire(name, options.lock), options.tierTimeout)
    if (lock === 'failed') return free
    if (lock !== undefined) {
      // Who had it before may have brought the value since this one looked.
      const brought = await look()
      if (brought === undefined) return held(lock)
      await held(lock).release()
      return { brought }
    }
    const left = until - clock.elapsed()
    if (left <= 0) return free
    if ((await ask((locker) => locker.released(name, Math.min(left, patience)), left)) === 'failed')
      return free
    const brought = await look()
    if (brought !== undefined) return { brought }
  }
}
