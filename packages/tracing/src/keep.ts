import { type Context, createContextKey } from '@opentelemetry/api'

/** What of that which was not chosen is exported all the same, once it is known how it went. */
export interface Keep {
  readonly errors: boolean
  /** Milliseconds from which on it is slow; undefined where that does not count. */
  readonly slow: number | undefined
}

/** Where a span's context says it: to a span processor that decides when the local root has ended. */
const keepKey = createContextKey('millrace.keep')

export const withKeep = (context: Context, keep: Keep): Context => context.setValue(keepKey, keep)

/** Whether what runs in a context is recorded only to be kept if it turns out so. */
export const keepOf = (context: Context): Keep | undefined => {
  const value = context.getValue(keepKey)
  return isKeep(value) ? value : undefined
}

const isKeep = (value: unknown): value is Keep =>
  typeof value === 'object' && value !== null && 'errors' in value && typeof value.errors === 'boolean'
