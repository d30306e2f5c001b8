export { type CallTimed, callTimed, type ExchangeTimed, exchangeTimed } from './events.ts'
export { type TimingRule, timing } from './timing.ts'
