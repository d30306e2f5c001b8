import { Agent, get } from 'node:http'
import { json } from 'node:stream/consumers'
import { breaker } from '@millrace/breaker'
import { type Call, millrace } from '@millrace/core'
import type { Price } from './app.ts'

/** Asks the service, and waits as long as it takes; or until the call's signal aborts, where there is one. */
export const askPrice = (
  origin: string,
): ((this: Call | undefined, id: string) => Promise<number | null>) => {
  const agent = new Agent({ keepAlive: true })
  return function (id) {
    const signal = this?.signal
    return new Promise((resolve, reject) => {
      get(`${origin}/prices/${id}`, { agent, ...(signal && { signal }) }, (answer) => {
        json(answer).then(() => resolve(id.length), reject)
      }).once('error', reject)
    })
  }
}

/** The same function with a deadline, a breaker, and what is said meanwhile around it. */
export const protectedPrice = (origin: string): Price => {
  const mill = millrace({ plugins: [breaker()] })
  return mill.wrap('price', askPrice(origin), {
    breaker: {
      timeout: '250ms',
      trip: { ratio: 0.5, minimum: 5, window: '5s' },
      reset: '500ms',
      fallback: () => null,
    },
  })
}
