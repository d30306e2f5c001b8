import { circuitBreaker, handleAll, SamplingBreaker, TimeoutStrategy, timeout, wrap } from 'cockatiel'
import CircuitBreaker from 'opossum'

/** How long a call may take, in milliseconds: longer than any does, so that deadlines are set and taken back. */
export const limit = 1000

/** A library that puts a breaker and a timeout around a function. */
export interface Peer {
  readonly label: string
  protect<A extends unknown[], O>(fn: (...args: A) => Promise<O>): (...args: A) => Promise<O>
}

const cockatiel = (label: string, strategy: TimeoutStrategy): Peer => ({
  label,
  protect(fn) {
    const policy = wrap(
      circuitBreaker(handleAll, {
        halfOpenAfter: 10_000,
        breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
      }),
      timeout(limit, strategy),
    )
    return (...args) => policy.execute(() => fn(...args))
  },
})

/** Each as its own pages show it. */
export const peers: Readonly<Record<string, Peer>> = {
  opossum: {
    label: 'opossum: `fire`, with its timeout',
    protect(fn) {
      const circuit = new CircuitBreaker(fn, { timeout: limit })
      return (...args) => circuit.fire(...args)
    },
  },
  'opossum-lean': {
    label: 'opossum without percentiles and snapshots',
    protect(fn) {
      const circuit = new CircuitBreaker(fn, {
        timeout: limit,
        rollingPercentilesEnabled: false,
        enableSnapshots: false,
      })
      return (...args) => circuit.fire(...args)
    },
  },
  cockatiel: cockatiel('cockatiel: `wrap` of breaker and timeout, cooperative', TimeoutStrategy.Cooperative),
  'cockatiel-aggressive': cockatiel('cockatiel, aggressive', TimeoutStrategy.Aggressive),
}
