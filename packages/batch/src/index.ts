export { type BatchOptions, batch } from './batch.ts'
export { type BatcherOptions, batcher, type Load, type LoadOptions } from './batcher.ts'
export { BatchDeniedError } from './denied.ts'
export type { BatchCause } from './endpoint/conduct.ts'
export { batchEndpoint } from './endpoint/endpoint.ts'
export { type BatchAnswered, type BatchDenied, batchAnswered, batchDenied } from './endpoint/events.ts'
export type { Format } from './endpoint/format.ts'
export type { EndpointRule } from './endpoint/rule.ts'
export { BatchFullError, BatchResultError, BatchStoppedError } from './errors.ts'
export {
  type Dispatched,
  dispatched,
  type ItemSettled,
  itemSettled,
  type Refused,
  refused,
  type Why,
} from './events.ts'
export type { Outcome } from './list/chunk.ts'
export type { ListOptions, ManyOptions } from './list/options.ts'
export { processAll, type Worker } from './list/process-all.ts'
export type { Processing, Summary } from './list/processing.ts'
export { type Progress, progressed } from './list/progress.ts'
export type { Source } from './list/source.ts'
export type { GatherOptions, RetryOptions, SizeRange, WindowRange } from './options.ts'
export { AdaptiveSize, AdaptiveWindow, type SizeBounds, type WindowBounds } from './policy.ts'
export { type BatchProcessOptions, batchProcess } from './process/batch-process.ts'
export {
  type Operation,
  type OperationContext,
  type OperationOptions,
  operation,
} from './process/operation.ts'
export type { ProcessRule } from './process/rule.ts'
export type { AnswerMany, BatchCallRule, BatchRule } from './rule.ts'
export type { BatchContext, Many } from './run.ts'
export type { Inspected } from './stats.ts'
