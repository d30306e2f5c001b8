import { type Duration, parseDuration } from '@millrace/core'
import type { Kept } from './kept.ts'
import { handOut } from './kept.ts'

/** What a factory is given. */
export interface LoadContext<V> {
  /** Aborts when nobody waits for the value any more, or when it takes too long. */
  readonly signal: AbortSignal
  /** The value that was there before, where there is one, for a conditional refresh. */
  readonly stale:
    | { readonly value: V; readonly validator: string | undefined; readonly createdAt: number }
    | undefined
  /**
   * The value from before is still the right one: `return context.notModified()`.
   *
   * @throws TypeError when there is none
   */
  notModified(): V
  /** How long this value is fresh. */
  setTtl(ttl: Duration): void
  setTags(tags: readonly string[]): void
  /** What a conditional refresh of this value will compare by: an ETag, a version, a date. */
  setValidator(validator: string): void
  /** The value goes to those who wait and is not kept. */
  skip(): void
}

/** Brings the value of a key. */
export type Factory<V> = (context: LoadContext<V>) => V | Promise<V>

/** What one run of a factory says of its value. */
export class Run<V> implements LoadContext<V> {
  ttl: number | undefined
  tags: readonly string[] | undefined
  validator: string | undefined
  skipped = false
  unchanged = false
  readonly #flight: { readonly signal: AbortSignal }
  readonly #kept: Kept | undefined

  constructor(flight: { readonly signal: AbortSignal }, kept: Kept | undefined) {
    this.#flight = flight
    this.#kept = kept
  }

  get signal(): AbortSignal {
    return this.#flight.signal
  }

  get stale(): LoadContext<V>['stale'] {
    const kept = this.#kept
    return kept && { value: handOut<V>(kept), validator: kept.validator, createdAt: kept.createdAt }
  }

  notModified(): V {
    if (this.#kept === undefined) throw new TypeError('notModified(): there was no value before')
    this.unchanged = true
    this.validator ??= this.#kept.validator
    this.tags ??= this.#kept.tags
    return handOut<V>(this.#kept)
  }

  setTtl(ttl: Duration): void {
    const length = parseDuration(ttl)
    if (length === undefined) {
      throw new RangeError(
        `setTtl: expected a duration such as "5m" or 300 (seconds), got ${JSON.stringify(ttl)}`,
      )
    }
    this.ttl = length
  }

  setTags(tags: readonly string[]): void {
    this.tags = tags
  }

  setValidator(validator: string): void {
    this.validator = validator
  }

  skip(): void {
    this.skipped = true
  }
}
