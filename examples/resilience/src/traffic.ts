import { Agent, get } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

export interface Sample {
  readonly path: 'orders' | 'quotes'
  /** Milliseconds since the first request. */
  readonly at: number
  /** Until the answer, or until nobody waited any more. */
  readonly took: number
  readonly isGood: boolean
}

/** Milliseconds after which a customer leaves. */
const patience = 2000

/** Customers come at their own pace, whether or not others have been served. */
export async function send(origin: string, perSecond: number, seconds: number): Promise<readonly Sample[]> {
  const agent = new Agent({ keepAlive: true })
  const samples: Sample[] = []
  const running: Promise<void>[] = []
  const from = performance.now()
  const one = async (path: Sample['path'], number: number): Promise<void> => {
    const began = performance.now()
    const isGood = await ask(`${origin}/${path}/${number}`, agent)
    samples.push({ path, at: began - from, took: performance.now() - began, isGood })
  }
  for (let sent = 0; sent < seconds * perSecond; sent++) {
    const due = (sent / perSecond) * 1000 - (performance.now() - from)
    if (due > 0) await wait(due)
    running.push(one('orders', sent), one('quotes', sent))
  }
  await Promise.all(running)
  agent.destroy()
  return samples.sort((a, b) => a.at - b.at)
}

const ask = (url: string, agent: Agent): Promise<boolean> =>
  new Promise((resolve) => {
    get(url, { agent, signal: AbortSignal.timeout(patience) }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode === 200))
      answer.once('error', () => resolve(false))
    }).once('error', () => resolve(false))
  })
