import { setTimeout as wait } from 'node:timers/promises'

/** Milliseconds after which a test says what never came to hold. No machine is as slow as this. */
const limit = 100_000

/** Until it holds: for what other processes do in their own time. */
export const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const began = performance.now()
  while (!(await holds())) {
    if (performance.now() - began > limit) throw new Error(`not within ${limit} ms: ${what}`)
    await wait(10)
  }
}
