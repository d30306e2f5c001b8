/** What is known of how long work takes, and what follows for how much of it there may be at once. */
export interface Gradient {
  /** How much work at once; a fraction counts for the next step. */
  readonly limit: number
  /** How long work takes in the long run, in milliseconds; undefined before the first sample. */
  readonly usual: number | undefined
  /** How many samples have been seen, up to those of the warm-up. */
  readonly seen: number
}

export interface Bounds {
  readonly min: number
  readonly max: number
}

/** What was seen of late. */
export interface Sample {
  /** How long work took, in milliseconds: a mean of some. */
  readonly latency: number
  /** How much of it there was at once, at most. */
  readonly active: number
}

/** How much longer than usual work may take before the limit falls. */
const tolerance = 1.5
/** How much longer than usual work may take to count for what is usual, while as much is asked for as may be. */
const calm = 1.25
/** What the limit grows by as long as nothing gets slower. */
const headroom = 4
/** What a step counts beside what was before. */
const smoothing = 0.2
/** Over how many samples the usual latency is averaged, and how many of them count alike in the beginning. */
const memory = 600
const warmUp = 10
/** The limit falls by no more than half at a step. */
const steepest = 0.5
/** What the usual latency is taken to be too high by when work is much faster, and how much of it is kept then. */
const recovered = 2
const recovery = 0.95

export const startAt = (limit: number): Gradient => ({ limit, usual: undefined, seen: 0 })

/**
 * The next limit by how much longer than usual work has taken: by the ratio of both times (the gradient), with headroom on
 * top as long as that is 1; it does not grow where it is not used. This is Gradient2 of Netflix's concurrency-limits
 * (`Gradient2Limit`), but for what is usual: there it is a long average of everything, so that the limit creeps up as long
 * as there is too much to do. Here work that takes longer counts for it only while that cannot be our doing: where less is
 * asked for than may be, or no less can be let in. A service that has become slower for good so brings the limit down to
 * `min` once, from where it comes back.
 */
export const gradientStep = (
  before: Gradient,
  { latency, active }: Sample,
  { min, max }: Bounds,
): Gradient => {
  const short = Math.max(latency, Number.MIN_VALUE)
  const seen = Math.min(before.seen + 1, warmUp)
  const isIdle = active < before.limit / 2
  const usual = nextUsual(before, short, seen, isIdle || before.limit <= min)
  if (isIdle) return { limit: before.limit, usual, seen }
  const gradient = Math.max(steepest, Math.min(1, (tolerance * usual) / short))
  const wanted = before.limit * gradient + (gradient < 1 ? 0 : headroom)
  const limit = before.limit * (1 - smoothing) + wanted * smoothing
  return { limit: Math.max(min, Math.min(max, limit)), usual, seen }
}

const nextUsual = ({ usual }: Gradient, short: number, seen: number, isInnocent: boolean): number => {
  if (usual === undefined) return short
  if (seen < warmUp) return usual + (short - usual) / seen
  if (short > usual * calm && !isInnocent) return usual
  const mean = usual + (2 / (memory + 1)) * (short - usual)
  return mean / short > recovered ? mean * recovery : mean
}
