/** `isolated`: an operator has opened or closed it by force. */
export type State = 'closed' | 'open' | 'half-open' | 'isolated'

/** What an outcome says about what was called. */
export type Verdict = 'success' | 'failure' | 'ignored'

/** How many outcomes a window holds, and of which kind. */
export interface Counts {
  readonly total: number
  readonly failures: number
  /** Slow ones, failures among them. */
  readonly slow: number
}

/** When a circuit opens. Durations in milliseconds. */
export interface Trip {
  /** The share of failures from which on it opens; undefined where it does not matter. */
  readonly ratio: number | undefined
  /** How many outcomes there have to be before shares mean anything. */
  readonly minimum: number
  /** What is looked at: the outcomes of so long, or the last so many. */
  readonly window: number | { readonly calls: number }
  /** From when on an outcome is a slow one; undefined where that does not matter. */
  readonly slow: number | undefined
  readonly slowRatio: number
  /** How many failures in a row open it; undefined where that does not matter. */
  readonly consecutive: number | undefined
}

/** How long a circuit stays open. Milliseconds. */
export interface Reset {
  readonly after: number
  readonly max: number
  /** By how much longer for each trip in a row. */
  readonly factor: number
  /** The share by which it is shortened at random, so that processes do not all try at once. */
  readonly jitter: number
}

/** What is let through while it is half-open. */
export interface Probes {
  readonly count: number
  /** Milliseconds after which a probe that nothing was heard of counts as a failure. */
  readonly within: number
}

export interface CircuitPolicy {
  readonly trip: Trip
  readonly reset: Reset
  readonly probes: Probes
}

export const isSameWindow = (a: Trip['window'], b: Trip['window']): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : a.calls === b.calls

export const isSameReset = (a: Reset, b: Reset): boolean =>
  a.after === b.after && a.max === b.max && a.factor === b.factor && a.jitter === b.jitter

/**
 * Why a circuit opens by what its window holds; undefined where it stays closed.
 *
 * @param consecutive failures in a row up to now
 */
export const whyTrip = (
  trip: Trip,
  { total, failures, slow }: Counts,
  consecutive: number,
): 'ratio' | 'slow' | 'consecutive' | undefined => {
  if (trip.consecutive !== undefined && consecutive >= trip.consecutive) return 'consecutive'
  if (total < trip.minimum) return undefined
  if (trip.ratio !== undefined && failures > 0 && failures / total >= trip.ratio) return 'ratio'
  if (trip.slow !== undefined && slow > 0 && slow / total >= trip.slowRatio) return 'slow'
  return undefined
}

/**
 * How long it stays open, in milliseconds: longer with each trip in a row, never longer than `max`.
 *
 * @param trips in a row, this one included
 * @param random from 0 to 1
 */
export const openFor = ({ after, max, factor, jitter }: Reset, trips: number, random: number): number => {
  // Infinity times nothing is not a number (cockatiel #86 had one of its kind).
  const grown = after === 0 ? 0 : Math.min(max, after * factor ** (trips - 1))
  return grown === Number.POSITIVE_INFINITY ? grown : grown * (1 - jitter * random)
}

/** What the probes of one half-open time have said so far. */
export interface Probed {
  readonly successes: number
  readonly failures: number
  readonly slow: number
}

/** What follows from the probes, as soon as those that are still to come cannot change it; undefined before. */
export const judgeProbes = (
  { trip, probes: { count } }: CircuitPolicy,
  { successes, failures, slow }: Probed,
): 'open' | 'closed' | undefined => {
  const isBad = (failed: number, sluggish: number): boolean =>
    (failed > 0 && failed / count >= (trip.ratio ?? 0.5)) ||
    (trip.slow !== undefined && sluggish > 0 && sluggish / count >= trip.slowRatio)
  if (isBad(failures, slow)) return 'open'
  const left = Math.max(0, count - successes - failures)
  return isBad(failures + left, slow + left) ? undefined : 'closed'
}

/** In words, for an operator. */
export const whenTripped = ({ ratio, minimum, window, slow, slowRatio, consecutive }: Trip): string => {
  const looked = typeof window === 'number' ? `${window} ms` : `the last ${window.calls} calls`
  const of = `of ${minimum} or more within ${looked}`
  return [
    ...(ratio === undefined ? [] : [`at ${ratio * 100} % failures ${of}`]),
    ...(slow === undefined ? [] : [`at ${slowRatio * 100} % above ${slow} ms ${of}`]),
    ...(consecutive === undefined ? [] : [`after ${consecutive} failures in a row`]),
  ].join(', or ')
}
