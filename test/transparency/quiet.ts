import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'

/** How many rounds without anything happening make silence: more than any chain of steps that nobody sees. */
const calm = 5

/**
 * Resolves when nothing goes on any more by itself. Client and server share the process and the loopback device hands
 * bytes over at once, so this needs no waiting time: a round passes through the event loop, and through the one thread
 * that reads files and compresses.
 *
 * @param activity changes whenever something happens
 */
export const quiet = async (activity: () => number): Promise<void> => {
  let seen = activity()
  for (let rounds = 0; rounds < calm; ) {
    await stat('.')
    await setImmediate()
    const now = activity()
    rounds = now === seen ? rounds + 1 : 0
    seen = now
  }
}
