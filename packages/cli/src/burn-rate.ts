import type { Objective } from './objective.ts'
import type { AlertRule, RecordingRule, RuleGroup, Severity } from './rule-file.ts'
import { decimal, durations, outcomes, quoted, rates } from './series.ts'

/** A budget that is spent many times faster than sustainable. */
interface Burn {
  readonly rate: number
  readonly long: string
  /** So that the alert ends soon after the trouble does. */
  readonly short: string
  readonly severity: Severity
}

/** Google's SRE workbook, chapter 5: for a budget of 30 days. */
const burns: readonly Burn[] = [
  { rate: 14.4, long: '1h', short: '5m', severity: 'page' },
  { rate: 6, long: '6h', short: '30m', severity: 'page' },
  { rate: 1, long: '3d', short: '6h', severity: 'ticket' },
]
const windows = ['5m', '30m', '1h', '6h', '3d']

/** One thing that an objective promises: a share of requests that may not be as they should. */
interface Promised {
  /** The recorded share, without the window at the end of its name. */
  readonly record: string
  readonly alert: string
  /** Percent. */
  readonly budget: number
  /** What is wrong with the requests of the share, and what is promised. */
  readonly told: string
  /** PromQL. */
  share(window: string): string
}

/**
 * Records the shares of bad requests, and alerts of those that spend the budget too fast.
 *
 * @param job under which Prometheus scrapes the app
 * @param usual percent of the requests for which a latency is promised that has no availability beside it
 */
export const objectiveGroup = (job: string, objective: Objective, usual: number): RuleGroup => {
  const { pattern, availability, latency, matchers } = objective
  const sum = (metric: string, more: string, window: string): string =>
    `sum by (job) (${rates(metric, matchers, `job=${quoted(job)},${more}`, window)})`
  const promises: Promised[] = []
  if (availability !== undefined) {
    promises.push({
      record: 'millrace:http_errors:ratio_rate',
      alert: 'MillraceErrorBudgetBurn',
      budget: 100 - availability,
      told: `of the requests failed; promised are ${availability} % that do not`,
      share: (window) =>
        `${sum(`${durations}_count`, outcomes.bad, window)}\n/ ${sum(`${durations}_count`, outcomes.counted, window)}`,
    })
  }
  if (latency !== undefined) {
    const share = availability ?? usual
    promises.push({
      record: 'millrace:http_slow:ratio_rate',
      alert: 'MillraceLatencyBudgetBurn',
      budget: 100 - share,
      told: `of the requests took longer than ${latency.bucket} s; promised are ${share} % within ${latency.bound} s`,
      share: (window) =>
        `1 - ${sum(`${durations}_bucket`, `${outcomes.good},${bucketIs(latency.bucket)}`, window)}\n` +
        `/ ${sum(`${durations}_count`, outcomes.good, window)}`,
    })
  }
  return {
    name: `millrace ${job} ${pattern}`,
    rules: promises.flatMap((promised) => [
      ...windows.map((window) => recorded(promised, pattern, window)),
      ...burns.map((burn) => alertOf(promised, burn, job, pattern)),
    ]),
  }
}

const recorded = ({ record, share }: Promised, pattern: string, window: string): RecordingRule => ({
  record: `${record}${window}`,
  expr: share(window),
  labels: { objective: pattern },
})

const alertOf = (promised: Promised, burn: Burn, job: string, pattern: string): AlertRule => {
  const { record, alert, budget, told } = promised
  const { rate, long, short, severity } = burn
  const above = (window: string): string =>
    `${record}${window}{job=${quoted(job)},objective=${quoted(pattern)}} > ${rate} * ${decimal(budget / 100)}`
  return {
    alert,
    expr: `${above(long)}\nand ${above(short)}`,
    labels: { severity, objective: pattern, burn: String(rate) },
    annotations: {
      summary: `${job} ${pattern} spends its budget ${rate} times as fast as it lasts`,
      description: `Within ${long}, {{ $value | humanizePercentage }} ${told}.`,
    },
  }
}

/** OpenMetrics writes 1.0 where the older text format has 1. */
const bucketIs = (bucket: number): string =>
  Number.isInteger(bucket) ? `le=~${quoted(`${bucket}(\\.0)?`)}` : `le=${quoted(String(bucket))}`
