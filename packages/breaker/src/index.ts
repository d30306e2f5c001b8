export { type Breaker, type BreakerOptions, breaker } from './breaker.ts'
export type { BulkheadOptions } from './bulkhead-rule.ts'
export {
  type ChaosCallRule,
  ChaosError,
  type ChaosOptions,
  type ChaosRule,
  chaos,
  type Fault,
  type Injected,
  injected,
} from './chaos/index.ts'
export { Circuit, type CircuitOptions, type Permit } from './circuit.ts'
export type { CircuitInspection } from './circuit-inspection.ts'
export type { BreakerControls, CircuitState } from './controls.ts'
export { deadlineHeaders, remainingTime } from './deadline.ts'
export { BreakerOpenError, BulkheadFullError, ProtectionError, TimeoutError } from './errors.ts'
export {
  type At,
  type FellBack,
  fellBack,
  type Hedged,
  type Held,
  hedged,
  held,
  type Rejected,
  type Retried,
  rejected,
  retried,
  type StateChanged,
  stateChanged,
  type TimedOut,
  timedOut,
  type VotesReached,
  voted,
  type Why,
} from './events.ts'
export { FailedAnswerError } from './fallback.ts'
export type { FallbackReply } from './fallback-reply.ts'
export type {
  CallFallback,
  CallFallbackFunction,
  FallbackTerms,
  RouteFallback,
  RouteFallbackFunction,
} from './fallback-rule.ts'
export { HedgedError } from './hedge.ts'
export type { HedgeOptions } from './hedge-rule.ts'
export type { CircuitPolicy, Probes, Reset, State, Trip, Verdict } from './policy.ts'
export type { Attempted, BudgetInput, RetryOptions } from './retry-rule.ts'
export type {
  BreakerCallRule,
  BreakerRule,
  CallOutcome,
  RouteOutcome,
  RouteTimeoutOptions,
  TimeoutOptions,
} from './rule.ts'
export type { SharedOptions } from './shared.ts'
export type { ProbeOptions, ResetOptions, TripOptions } from './trip-rule.ts'
export type { Ballot, Tally, Vote, Votes } from './votes.ts'
