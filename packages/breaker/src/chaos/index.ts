export { type ChaosOptions, chaos } from './chaos.ts'
export { ChaosError } from './error.ts'
export { type Fault, type Injected, injected } from './events.ts'
export type { ChaosCallRule, ChaosRule } from './rule.ts'
