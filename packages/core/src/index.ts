export { type Body, type BodyObserver, BodyStream, tap } from './body.ts'
export type { Call } from './call.ts'
export { type Channel, channel } from './channel.ts'
export { type Clock, systemClock, type Timer } from './clock.ts'
export { type Duration, parseDuration } from './duration.ts'
export { AmbiguousPathError, ConfigError } from './errors.ts'
export {
  AlreadyAnsweredError,
  type Client,
  ClientGoneError,
  derive,
  Exchange,
  HandlerAlreadyRanError,
  type Outcome,
  type Params,
  type RequestHeaders,
  SyntheticRecursionError,
  type SyntheticRequest,
} from './exchange.ts'
export type { ExplainedLayer, Explanation } from './explain.ts'
export { HeaderMap, sameName } from './header-map.ts'
export type { HealthReport } from './health.ts'
export { type CacheControl, parseCacheControl } from './http/cache-control.ts'
export { compose, type Handler, type Layer } from './layer.ts'
export {
  type Inspection,
  type Millrace,
  type MillraceOptions,
  millrace,
  type Routes,
  type Wrappable,
} from './millrace.ts'
export { pathOf } from './path.ts'
export type { Pipeline } from './pipeline.ts'
export {
  type AnyPlugin,
  type CallLayer,
  definePlugin,
  type Health,
  type Plugin,
  type RuleTypes,
  type Site,
} from './plugin.ts'
export { ready, readyReply } from './ready.ts'
export { failed, type Reply, reply } from './reply.ts'
export type { CallRules, ParamsOf, RouteRules } from './rules.ts'
export { callback, duration, type Schema, size } from './schema.ts'
export { parseSize, type Size } from './size.ts'
export { type Stage, stages } from './stage.ts'
export { type Trouble, trouble, warn } from './trouble.ts'
export { DeadlineError, within } from './within.ts'
