import { type Explanation, parseDuration } from '@millrace/core'
import { ProblemError } from './problem.ts'
import { matchersOf } from './series.ts'

/** What a pattern of the table promises about the requests that it speaks for. */
export interface Objective {
  /** The pattern that states it. */
  readonly pattern: string
  /** Percent of the requests that do not fail, and of these, that are answered in time. */
  readonly availability: number | undefined
  /** Within which most requests are answered. */
  readonly latency: Latency | undefined
  /** The series of these requests: see `matchersOf`. */
  readonly matchers: readonly string[]
}

export interface Latency {
  /** Seconds, as promised. */
  readonly bound: number
  /** Seconds: the bucket of the histogram that it is measured by, the bound itself or the next one. */
  readonly bucket: number
}

/** Seconds, where a route does not say otherwise: those of the OpenTelemetry conventions for HTTP metrics. */
const usualBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** What holds for one kind of request, as far as objectives are concerned. */
interface Said {
  readonly site: Explanation
  /** That stated the objective. */
  readonly pattern: string | undefined
  readonly value: unknown
  /** Seconds, ascending. */
  readonly buckets: readonly number[]
}

/**
 * The objectives of a table. A request counts for the one that its effective rules name: the most specific.
 *
 * @throws ProblemError naming what nobody could measure
 */
export const objectivesOf = (table: readonly Explanation[]): readonly Objective[] => {
  const said = table.flatMap(saidOf)
  const byPattern = Map.groupBy(said, ({ pattern }) => pattern)
  const problems: string[] = []
  const objectives = [...byPattern].flatMap(([pattern, own]) => {
    if (pattern === undefined) return []
    // What it would hold for, had not a more specific rule another objective or none.
    const others = said
      .filter((each) => each.pattern !== pattern && each.site.patterns.includes(pattern))
      .map((each) => each.pattern ?? each.site.site)
    const value = own[0]?.value
    const at = `routes[${JSON.stringify(pattern)}].timing.objective`
    return {
      pattern,
      availability: availabilityOf(member(value, 'availability'), at, problems),
      latency: latencyOf(
        member(value, 'latency'),
        own.map(({ buckets }) => buckets),
        at,
        problems,
      ),
      matchers: matchersOf(pattern, [...new Set(others)]),
    }
  })
  if (problems.length > 0) throw new ProblemError(problems)
  return objectives
}

/** Nothing where `timing` is off: such requests are not measured. */
const saidOf = (site: Explanation): readonly Said[] => {
  const layer = site.layers.find(({ plugin }) => plugin === 'timing')
  if (layer === undefined) return []
  const { objective, buckets } = layer.options
  return [
    {
      site,
      pattern: objective?.from,
      value: objective?.value,
      buckets: Array.isArray(buckets?.value) ? buckets.value.map(Number) : usualBuckets,
    },
  ]
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined

const availabilityOf = (value: unknown, at: string, problems: string[]): number | undefined => {
  if (value === undefined || (typeof value === 'number' && value > 0 && value < 100)) return value
  problems.push(`${at}.availability: expected a percentage below 100, such as 99.9, got ${String(value)}`)
  return undefined
}

/** @param given the buckets of every histogram that is measured by: they are added up, so a bound has to be in all */
const latencyOf = (
  value: unknown,
  given: readonly (readonly number[])[],
  at: string,
  problems: string[],
): Latency | undefined => {
  if (value === undefined) return undefined
  const bound = (parseDuration(value) ?? Number.NaN) / 1000
  const shared = given.reduce((some, more) => some.filter((each) => more.includes(each)))
  const bucket = shared.find((each) => each >= bound)
  if (bucket !== undefined) return { bound, bucket }
  problems.push(
    `${at}.latency: expected a duration up to the largest bucket (${shared.join(', ')} seconds), got ${String(value)}`,
  )
  return undefined
}

/** What an operator should know about how objectives are measured. */
export const notesOn = (objectives: readonly Objective[]): readonly string[] =>
  objectives.flatMap(({ pattern, latency }) =>
    latency === undefined || latency.bound === latency.bucket
      ? []
      : `routes[${JSON.stringify(pattern)}].timing.objective.latency: ${latency.bound} s is no bucket of the ` +
        `histogram; it is measured by the next one, ${latency.bucket} s`,
  )
