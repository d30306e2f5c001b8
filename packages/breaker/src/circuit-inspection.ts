import type { State } from './policy.ts'

/** What an operator sees of a circuit. Times in milliseconds since 1970. */
export interface CircuitInspection {
  readonly state: State
  /** Of one that is isolated. */
  readonly forced?: 'open' | 'closed'
  readonly window: { readonly total: number; readonly failures: number; readonly slow: number }
  /** Failures in a row. */
  readonly consecutive: number
  /** How many were not let in since it is there. */
  readonly rejected: number
  /** How often it has opened since it was last closed. */
  readonly trips: number
  readonly probes?: {
    readonly out: number
    readonly successes: number
    readonly failures: number
    readonly slow: number
  }
  readonly nextAttempt?: number
  readonly lastError?: string
}
