import type { Metric, Millrace } from '@millrace/core'
import { objectiveGroup } from './burn-rate.ts'
import { notesOn, type Objective, objectivesOf } from './objective.ts'
import type { AlertRule, RuleFile } from './rule-file.ts'
import { decimal, durations, matchersOf, outcomes, quoted, rates } from './series.ts'
import type { Thresholds } from './thresholds.ts'

/** What is printed, and what is worth a warning. */
export interface Rules {
  readonly file: RuleFile
  readonly warnings: readonly string[]
}

/**
 * Recording and alert rules for an app: for what its table promises, and for what its plugins measure.
 *
 * @param job the name under which Prometheus scrapes the app
 * @throws ProblemError naming objectives that cannot be measured
 */
export const rulesOf = (mill: Millrace, job: string, thresholds: Thresholds): Rules => {
  const installed = new Set(mill.plugins.map(({ name }) => name))
  const isTimed = installed.has('timing')
  const isScraped = installed.has('metrics')
  const objectives = isTimed ? objectivesOf(mill.explainTable()) : []
  const told = mill.plugins.flatMap(({ telemetry }) => telemetry?.metrics ?? [])
  const alerts = [
    targetDown(job),
    ...(isTimed ? slowRoutes(job, objectives, thresholds) : []),
    ...(isScraped ? processAlerts(job, thresholds) : []),
    ...pluginAlerts(job, told, thresholds),
  ]
  return {
    file: {
      groups: [
        ...objectives.map((objective) => objectiveGroup(job, objective, thresholds.within)),
        { name: `millrace ${job}`, rules: alerts },
      ],
    },
    warnings: [
      ...(isTimed ? [] : ['the plugin "timing" is not installed: nothing measures requests']),
      ...(isScraped ? [] : ['the plugin "metrics" is not installed: it has the page to scrape']),
      ...(isTimed && objectives.length === 0 ? ['no rule of the table states an objective'] : []),
      ...notesOn(objectives),
    ],
  }
}

const targetDown = (job: string): AlertRule => ({
  alert: 'MillraceTargetDown',
  expr: `up{job=${quoted(job)}} == 0\nor absent(up{job=${quoted(job)}})`,
  for: '2m',
  labels: { severity: 'page' },
  annotations: {
    summary: '{{ $labels.job }} {{ $labels.instance }} cannot be scraped',
    description: 'It is down, does not answer in time, or Prometheus does not know of it.',
  },
})

const slowRoutes = (
  job: string,
  objectives: readonly Objective[],
  { slow }: Thresholds,
): readonly AlertRule[] => {
  // Those that promise less are held to that.
  const patient = objectives.filter(({ latency }) => latency !== undefined && latency.bound > slow)
  const matchers = matchersOf(
    '/**',
    patient.map(({ pattern }) => pattern),
  )
  if (matchers.length === 0) return []
  const all = rates(`${durations}_bucket`, matchers, `job=${quoted(job)},${outcomes.good}`, '10m')
  return [
    {
      alert: 'MillraceSlowRoute',
      expr: `histogram_quantile(0.99, sum by (job, http_route, le) (${all})) > ${slow}`,
      for: '10m',
      labels: { severity: 'ticket' },
      annotations: {
        summary: '{{ $labels.job }} {{ $labels.http_route }} is slow',
        description:
          'The slowest hundredth of its requests takes longer than {{ $value | humanizeDuration }}.',
      },
    },
  ]
}

const processAlerts = (job: string, { memory, loopDelay }: Thresholds): readonly AlertRule[] => {
  const of = (metric: string): string => `${metric}{job=${quoted(job)}}`
  return [
    {
      alert: 'MillraceMemoryHigh',
      expr: `${of('nodejs_heap_size_used_bytes')} / ${of('nodejs_heap_size_limit_bytes')} > ${decimal(memory / 100)}`,
      for: '5m',
      labels: { severity: 'page' },
      annotations: {
        summary: '{{ $labels.job }} {{ $labels.instance }} is short of memory',
        description: 'Its heap is {{ $value | humanizePercentage }} full. At its limit the process ends.',
      },
    },
    {
      alert: 'MillraceEventLoopDelay',
      expr: `${of('nodejs_eventloop_lag_p99_seconds')} > ${loopDelay}`,
      for: '5m',
      labels: { severity: 'ticket' },
      annotations: {
        summary: '{{ $labels.job }} {{ $labels.instance }} blocks its event loop',
        description:
          'One turn in a hundred comes {{ $value | humanizeDuration }} late, and every request with it.',
      },
    },
  ]
}

/** For what the installed plugins say that they measure, whoever they are. */
const pluginAlerts = (
  job: string,
  told: readonly Metric[],
  { hitRate }: Thresholds,
): readonly AlertRule[] => {
  const lookups = (more: string): string =>
    `sum by (job, route) (rate(millrace_cache_lookups_total{job=${quoted(job)},${more}}[30m]))`
  const byMetric: readonly (readonly [string, AlertRule])[] = [
    [
      'millrace_cache_lookups_total',
      {
        alert: 'MillraceLowHitRate',
        // By misses, as there is no series of hits where nothing was ever hit. A few requests say nothing.
        expr:
          `1 - ${lookups('outcome="miss"')} / ${lookups('outcome!="bypass"')} < ${decimal(hitRate / 100)}\n` +
          `and ${lookups('outcome!="bypass"')} > 0.1`,
        for: '30m',
        labels: { severity: 'ticket' },
        annotations: {
          summary: '{{ $labels.job }} {{ $labels.route }} is seldom answered from the cache',
          description: 'Only {{ $value | humanizePercentage }} of its requests are hits.',
        },
      },
    ],
    [
      'millrace_cache_tier_up',
      {
        alert: 'MillraceCacheTierDown',
        // It is tried again and again, and counts as up while it is.
        expr: `avg_over_time(millrace_cache_tier_up{job=${quoted(job)}}[5m]) < 0.5`,
        for: '1m',
        labels: { severity: 'ticket' },
        annotations: {
          summary: '{{ $labels.job }} {{ $labels.instance }} does without its cache tier {{ $labels.tier }}',
          description: 'The tier fails or does not answer in time. Requests go on without it.',
        },
      },
    ],
    [
      'millrace_breaker_state',
      {
        alert: 'MillraceBreakerOpen',
        // Half-open is still not closed, and an operator who isolates something knows it.
        expr:
          'sum by (job, instance, worker, breaker) ' +
          `(avg_over_time(millrace_breaker_state{job=${quoted(job)},state=~"open|half-open"}[5m])) > 0.5`,
        for: '1m',
        labels: { severity: 'page' },
        annotations: {
          summary: '{{ $labels.job }} {{ $labels.instance }}: the breaker {{ $labels.breaker }} is open',
          description: 'What it protects keeps failing, and is not called.',
        },
      },
    ],
  ]
  return byMetric.flatMap(([metric, alert]) => (told.some(({ name }) => name === metric) ? [alert] : []))
}
