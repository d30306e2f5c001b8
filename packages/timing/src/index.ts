export {
  type CallTimed,
  callTimed,
  type Ended,
  type ExchangeTimed,
  exchangeTimed,
} from './events.ts'
export { relayMetrics } from './metrics/cluster.ts'
export { type MetricsOptions, type MetricsRule, metrics } from './metrics/metrics.ts'
export type { Operation } from './operations.ts'
export type { Expose, Objective, TimingCallRule, TimingRule, TimingRules } from './rule.ts'
export { timed } from './timed.ts'
export { timing } from './timing.ts'
