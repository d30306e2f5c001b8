import { parseDuration } from '@millrace/core'
import { UsageError } from './problem.ts'

/** When something is worth an alert. */
export interface Thresholds {
  /** Percent of the requests that have to be answered in time, for an objective that has a latency alone. */
  readonly within: number
  /** Seconds: the 99th percentile of a route. */
  readonly slow: number
  /** Percent of the lookups of a cached route. */
  readonly hitRate: number
  /** Percent of the heap's limit. */
  readonly memory: number
  /** Seconds: the 99th percentile of the event loop's delay. */
  readonly loopDelay: number
}

/** By the names of the command line. */
const usual = { within: '99', slow: '1s', 'hit-rate': '50', memory: '90', 'loop-delay': '100ms' } as const

type Name = keyof typeof usual

/** What the command line gives; what it does not has a default. @throws UsageError */
export const thresholdsOf = (given: { readonly [Each in Name]?: string | undefined }): Thresholds => {
  const percent = (name: Name): number => {
    const text = given[name] ?? usual[name]
    const value = /^\d+(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : 0
    if (value > 0 && value < 100) return value
    throw new UsageError(`--${name} ${text}: expected a percentage between 0 and 100, such as 95`)
  }
  const seconds = (name: Name): number => {
    const text = given[name] ?? usual[name]
    const value = parseDuration(text)
    if (value !== undefined && value > 0) return value / 1000
    throw new UsageError(`--${name} ${text}: expected a duration such as 250ms`)
  }
  return {
    within: percent('within'),
    slow: seconds('slow'),
    hitRate: percent('hit-rate'),
    memory: percent('memory'),
    loopDelay: seconds('loop-delay'),
  }
}
