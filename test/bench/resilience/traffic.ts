import { setTimeout as wait } from 'node:timers/promises'
import type { Upstream } from '@millrace-examples/upstream'

/** So many requests a second for so long, and what happens to the upstream when it begins. */
export interface Phase {
  readonly name: string
  readonly perSecond: number
  readonly seconds: number
  begin?(upstream: Upstream): Promise<void> | void
}

/** A request that has no answer by then is of no use to anybody. */
export const patience = 1000

export const capacity = { hands: 10, work: 20, perSecond: 500 }

export const phases: readonly Phase[] = [
  { name: 'calm', perSecond: 300, seconds: 3 },
  { name: 'overload', perSecond: 1000, seconds: 5 },
  { name: 'after it', perSecond: 300, seconds: 4 },
  { name: 'paused', perSecond: 300, seconds: 3, begin: ({ server }) => server.pause() },
  { name: 'resumed', perSecond: 300, seconds: 4, begin: ({ server }) => server.resume() },
  { name: 'killed', perSecond: 300, seconds: 2, begin: ({ server }) => server.kill() },
  { name: 'restarted', perSecond: 300, seconds: 4, begin: ({ server }) => server.start() },
]

/** By phase: the share of its requests that were answered well and in time. */
export type Goodput = readonly number[]

/** Requests that come whether or not others have been answered. */
export const send = async (upstream: Upstream, ask: () => Promise<void>): Promise<Goodput> => {
  const running = new Set<Promise<void>>()
  const goodput: (() => number)[] = []
  for (const { perSecond, seconds, begin } of phases) {
    let [sent, good] = [0, 0]
    goodput.push(() => good / sent)
    const one = async (): Promise<void> => {
      const began = performance.now()
      try {
        await ask()
        if (performance.now() - began <= patience) good++
      } catch {
        // Counted as sent.
      }
    }
    await begin?.(upstream)
    const from = performance.now()
    for (;;) {
      const elapsed = performance.now() - from
      const due = Math.min(elapsed / 1000, seconds) * perSecond
      for (; sent < due; sent++) {
        const request = one()
        running.add(request)
        void request.then(() => running.delete(request))
      }
      if (elapsed >= seconds * 1000) break
      await wait(5)
    }
  }
  await Promise.all(running)
  return goodput.map((share) => share())
}
