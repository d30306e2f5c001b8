import type { Kept } from '../engine/kept.ts'

/** What the handler is asked for. */
export interface Errand {
  /** What is asked for: `first`, or a variant of it. */
  readonly key: string
  /** The page with what the rule names. */
  readonly first: string
  /** Scheme, host and target. */
  readonly page: string
  /** What is there but may not be served as it is: for validation. */
  readonly kept: Kept | undefined
  readonly why: 'uri-miss' | 'vary-miss' | 'stale'
}
