import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { startUpstream } from '@millrace-examples/upstream'
import { createApp, type Price } from './app.ts'
import { Pool } from './pool.ts'
import { type Sample, send } from './traffic.ts'

export interface Course {
  /** Of each kind. */
  readonly perSecond: number
  readonly seconds: number
  /** Seconds from when to when the service that knows the prices stands still. */
  readonly outage: readonly [from: number, to: number]
}

/** Serves the shop for a while, and stops the service that it asks in the middle of it. */
export async function run(
  { perSecond, seconds, outage: [from, to] }: Course,
  makePrice: (origin: string) => Price,
): Promise<readonly Sample[]> {
  await using upstream = await startUpstream({ hands: 50, work: 10 })
  const app = createApp(new Pool(10), makePrice(upstream.origin))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const stop = async (): Promise<void> => {
    await wait(from * 1000)
    upstream.server.pause()
    await wait((to - from) * 1000)
    upstream.server.resume()
  }
  try {
    const port = typeof address === 'object' ? address?.port : undefined
    const [samples] = await Promise.all([send(`http://127.0.0.1:${port}`, perSecond, seconds), stop()])
    return samples
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
