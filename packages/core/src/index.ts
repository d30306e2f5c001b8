export { type Body, type BodyObserver, BodyStream, byteLengthOf, flushPoint, tap } from './body.ts'
export { type Call, canAbort } from './call.ts'
export { type Channel, channel } from './channel.ts'
export { type Clock, systemClock, type Timer } from './clock.ts'
export { Deadlines, type Wait } from './deadlines.ts'
export { type Duration, durationExpected, parseDuration } from './duration.ts'
export { type Encodings, encodingsOf, keepEncodings } from './encodings.ts'
export { AmbiguousPathError, ConfigError, UnmountedError } from './errors.ts'
export {
  AlreadyAnsweredError,
  type Change,
  type Client,
  ClientGoneError,
  type ContentTransform,
  derive,
  Exchange,
  HandlerAlreadyRanError,
  type Inject,
  type Outcome,
  type Params,
  type RequestHeaders,
  SyntheticRecursionError,
  type SyntheticRequest,
  type Transformed,
} from './exchange.ts'
export type { ExplainedLayer, Explanation } from './explain.ts'
export { HeaderMap, sameName } from './header-map.ts'
export type { HealthReport } from './health.ts'
export { type Accepted, parseAccept } from './http/accept.ts'
export { parseAge } from './http/age.ts'
export { type CacheControl, deltaSeconds, parseCacheControl } from './http/cache-control.ts'
export { type CacheStatus, type Forwarded, formatCacheStatus } from './http/cache-status.ts'
export { formatHttpDate, parseHttpDate } from './http/date.ts'
export { type EntityTag, parseEntityTag, parseEntityTags, sameStrongly, sameWeakly } from './http/etag.ts'
export { fieldOf } from './http/field.ts'
export { parseNames } from './http/list.ts'
export { evaluatePreconditions, ifRangeHolds, type Validators } from './http/precondition.ts'
export {
  type ByteRange,
  type ContentRange,
  formatContentRange,
  multipartRanges,
  parseContentRange,
  parseRange,
} from './http/range.ts'
export { parseTargeted } from './http/targeted.ts'
export { normalizedField, parseVary, varyKey } from './http/vary.ts'
export { compose, type Handler, type Layer } from './layer.ts'
export { memo } from './memo.ts'
export {
  type Inspection,
  type Millrace,
  type MillraceOptions,
  millrace,
  type Routes,
  type Wrappable,
} from './millrace.ts'
export { pathOf, searchOf, withSearch } from './path.ts'
export type { Pipeline } from './pipeline.ts'
export {
  type AnyPlugin,
  type Args,
  type CallLayer,
  type ControlsOf,
  definePlugin,
  type Health,
  type Plugin,
  type Question,
  type RuleTypes,
  type Site,
} from './plugin.ts'
export { problem } from './problem.ts'
export { systemRandom } from './random.ts'
export { ready, readyReply } from './ready.ts'
export { failed, type Reply, reply } from './reply.ts'
export type { CallRules, ParamsOf, RouteRules } from './rules.ts'
export { callback, duration, type Schema, size } from './schema.ts'
export { parseSize, type Size } from './size.ts'
export { type Stage, stages } from './stage.ts'
export { Stem } from './stem.ts'
export {
  counter,
  type EventMetric,
  histogram,
  type Metric,
  type RecordValue,
  type Remark,
  type Remarks,
  remarks,
  type StateMetric,
  type Telemetry,
} from './telemetry.ts'
export { type Trouble, trouble, warn } from './trouble.ts'
export { turn } from './turn.ts'
export { DeadlineError, within } from './within.ts'
