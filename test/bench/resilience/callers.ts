import { Agent, get } from 'node:http'
import { text } from 'node:stream/consumers'
import { breaker } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import {
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel'
import CircuitBreaker from 'opossum'
import { patience } from './traffic.ts'

/** One way to call an upstream. */
export interface Caller {
  readonly label: string
  make(origin: string): () => Promise<void>
}

const agent = new Agent({ keepAlive: true })

/** @throws where it is not a 200 */
const askOnce = (origin: string, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    get(origin, { agent, signal }, (answer) => {
      text(answer).then(() => {
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`${answer.statusCode}`))
      }, reject)
    }).once('error', reject)
  })

/** Half of the patience, so that there is time for another attempt. */
const attempt = patience / 2

export const callers: Readonly<Record<string, Caller>> = {
  none: {
    label: 'no breaker: a timeout alone',
    make: (origin) => () => askOnce(origin, AbortSignal.timeout(patience)),
  },
  retries: {
    label: 'no breaker: a timeout and two retries',
    make: (origin) => {
      const policy = wrap(
        retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff({ initialDelay: 50 }) }),
        timeout(attempt, TimeoutStrategy.Aggressive),
      )
      return () => policy.execute(({ signal }) => askOnce(origin, signal))
    },
  },
  opossum: {
    label: 'opossum alone: breaker and timeout',
    make: (origin) => {
      const circuit = new CircuitBreaker(() => askOnce(origin, AbortSignal.timeout(patience)), {
        timeout: attempt,
        resetTimeout: 1000,
        volumeThreshold: 20,
      })
      return () => circuit.fire()
    },
  },
  cockatiel: {
    label: 'cockatiel: two retries, breaker, timeout',
    make: (origin) => {
      const policy = wrap(
        retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff({ initialDelay: 50 }) }),
        circuitBreaker(handleAll, {
          halfOpenAfter: 1000,
          breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }),
        }),
        timeout(attempt, TimeoutStrategy.Aggressive),
      )
      return () => policy.execute(({ signal }) => askOnce(origin, signal))
    },
  },
  breaker: {
    label: '**Millrace: breaker and timeout**',
    make: (origin) =>
      millrace({ plugins: [breaker()] }).wrap(
        'upstream',
        function () {
          return askOnce(origin, this.signal)
        },
        { breaker: { timeout: attempt / 1000, reset: { after: '1s', max: '1s' } } },
      ),
  },
  millrace: {
    label: '**Millrace: breaker, timeout, adaptive bulkhead, retry budget**',
    make: (origin) =>
      millrace({ plugins: [breaker()] }).wrap(
        'upstream',
        function () {
          return askOnce(origin, this.signal)
        },
        {
          breaker: {
            timeout: { attempt: attempt / 1000, total: patience / 1000 },
            reset: { after: '1s', max: '1s' },
            retry: 2,
            bulkhead: { limit: 'adaptive' },
          },
        },
      ),
  },
}
