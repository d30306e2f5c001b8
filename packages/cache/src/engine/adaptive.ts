import { type Duration, parseDuration } from '@millrace/core'

/** A lifetime that follows how often the value really changes, and what it costs to load. Milliseconds. */
export interface Adaptive {
  readonly kind: 'adaptive'
  readonly min: number
  readonly max: number
}

/** @throws RangeError when the bounds are no durations, or the wrong way round */
export const adaptive = ({ min, max }: { readonly min: Duration; readonly max: Duration }): Adaptive => {
  const least = parseDuration(min)
  const most = parseDuration(max)
  if (least === undefined || most === undefined || !(least > 0) || least > most) {
    throw new RangeError(
      `adaptive({ min, max }): expected durations above 0, min at most max, got ${JSON.stringify({ min, max })}`,
    )
  }
  return { kind: 'adaptive', min: least, max: most }
}

export const isAdaptive = (value: unknown): value is Adaptive =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'adaptive'

/** What is known when a value has been loaded. */
export interface Reload {
  /** What the value before was given; undefined when there was none. */
  readonly life: number | undefined
  readonly changed: boolean
  /** What the load took, in milliseconds. */
  readonly cost: number
}

/** A load of this many milliseconds counts as dear. */
const dear = 1000

/**
 * Grows by a half, for dear loads up to twice, each time that a reload brought nothing new, and is halved each time that
 * it did, a little less for dear loads.
 */
export const adaptedLife = ({ min, max }: Adaptive, { life, changed, cost }: Reload): number => {
  const weight = Math.min(1, cost / dear)
  if (life === undefined) return Math.min(max, min * (1 + weight))
  return Math.min(max, Math.max(min, changed ? life * (0.5 + weight / 4) : life * (1.5 + weight / 2)))
}
