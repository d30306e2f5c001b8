import type { Context, Span } from '@opentelemetry/api'
import { withSpan, withValue } from './within.ts'

/** Something that is being recorded. */
export class Work {
  readonly span: Span
  /** What runs inside of it runs in this. */
  readonly context: Context

  /** @param key where the context tells of it */
  constructor(span: Span, around: Context, key: symbol) {
    this.span = span
    this.context = withValue(withSpan(around, span), key, this)
  }
}
