import type { AnyPlugin, Metric, Millrace } from '@millrace/core'
import { datasource, layOut, type Panel, type Query, type Row } from './panel.ts'
import { durations, outcomes } from './series.ts'

/** A dashboard in Grafana's classic JSON model, which every Grafana imports. */
export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly panels: readonly unknown[]
  readonly templating: { readonly list: readonly unknown[] }
  readonly [more: string]: unknown
}

/**
 * A row for each installed plugin that measures something: those of `timing` about requests and calls, that of `metrics`
 * about the process, and of the others what they tell.
 */
export const dashboardOf = ({ plugins }: Millrace, title: string): Dashboard => {
  const installed = new Set(plugins.map(({ name }) => name))
  const isTimed = installed.has('timing')
  const isScraped = installed.has('metrics')
  const rows = [
    ...(isTimed ? [requests, calls] : []),
    ...(isScraped ? [runtime] : []),
    ...plugins.filter(({ name }) => name !== 'timing').map((plugin) => rowOf(plugin, isTimed)),
  ]
  const everywhere = isScraped ? 'nodejs_eventloop_utilization' : isTimed ? `${durations}_count` : 'up'
  return {
    uid: title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40),
    title,
    tags: ['millrace'],
    // Grafana 12's. Later ones bring it up to date.
    schemaVersion: 41,
    version: 1,
    editable: true,
    // A crosshair at the same time on every panel.
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    links: [],
    templating: { list: variables(everywhere, isTimed) },
    panels: layOut(rows.filter(({ panels }) => panels.length > 0)),
  }
}

/** @param metric that every process exports @param isTimed whether requests are counted by their route */
const variables = (metric: string, isTimed: boolean): readonly unknown[] => [
  {
    name: 'datasource',
    label: 'Data source',
    type: 'datasource',
    query: 'prometheus',
    regex: '',
    refresh: 1,
    hide: 0,
    multi: false,
    includeAll: false,
    options: [],
    current: {},
  },
  variable('job', 'Job', `label_values(${metric}, job)`),
  variable('instance', 'Instance', `label_values(${metric}{job=~"$job"}, instance)`),
  ...(isTimed
    ? [
        variable(
          'route',
          'Route',
          'label_values(http_server_request_duration_seconds_count{job=~"$job"}, http_route)',
        ),
      ]
    : []),
]

const variable = (name: string, label: string, query: string): unknown => ({
  name,
  label,
  type: 'query',
  datasource,
  definition: query,
  query: { qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
  regex: '',
  refresh: 2,
  sort: 1,
  hide: 0,
  multi: true,
  includeAll: true,
  allValue: '.*',
  options: [],
  current: { selected: true, text: ['All'], value: ['$__all'] },
})

const scope = 'job=~"$job",instance=~"$instance"'
const routed = `${scope},http_route=~"$route"`

const rate = (metric: string, matchers: string): string => `rate(${metric}{${matchers}}[$__rate_interval])`

const sumBy = (labels: readonly string[], expr: string): string =>
  labels.length === 0 ? `sum(${expr})` : `sum by (${labels.join(', ')}) (${expr})`

const legendOf = (labels: readonly string[]): string => labels.map((label) => `{{${label}}}`).join(' ')

const quantile = (metric: string, matchers: string, of: number, labels: readonly string[] = []): Query => ({
  expr: `histogram_quantile(${of}, ${sumBy(['le', ...labels], rate(`${metric}_bucket`, matchers))})`,
  legend: `p${of * 100} ${legendOf(labels)}`.trim(),
})

const one = (expr: string, legend: string): readonly Query[] => [{ expr, legend }]

const bodies = (way: 'request' | 'response'): Panel => ({
  kind: 'lines',
  title: `Body bytes of ${way}s`,
  unit: 'Bps',
  queries: one(
    sumBy(['http_route'], rate(`http_server_${way}_body_size_bytes_sum`, routed)),
    '{{http_route}}',
  ),
})

const requests: Row = {
  title: 'Requests',
  panels: [
    {
      kind: 'stack',
      title: 'Requests by route',
      unit: 'reqps',
      queries: one(sumBy(['http_route'], rate(`${durations}_count`, routed)), '{{http_route}}'),
    },
    {
      kind: 'stack',
      title: 'Requests by outcome and status',
      unit: 'reqps',
      queries: one(
        sumBy(['outcome', 'http_response_status_code'], rate(`${durations}_count`, routed)),
        '{{outcome}} {{http_response_status_code}}',
      ),
    },
    {
      kind: 'lines',
      title: 'Failed requests by route',
      description: 'The share of those that failed, took too long or were turned away.',
      unit: 'percentunit',
      queries: one(
        `${sumBy(['http_route'], rate(`${durations}_count`, `${routed},${outcomes.bad}`))} / ` +
          sumBy(['http_route'], rate(`${durations}_count`, routed)),
        '{{http_route}}',
      ),
    },
    {
      kind: 'heatmap',
      title: 'Duration',
      unit: 's',
      queries: one(sumBy(['le'], `increase(${durations}_bucket{${routed}}[$__rate_interval])`), '{{le}}'),
    },
    {
      kind: 'lines',
      title: 'Duration, quantiles',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((of) => quantile(durations, routed, of)),
    },
    {
      kind: 'lines',
      title: 'Duration by route',
      unit: 's',
      queries: [quantile(durations, routed, 0.95, ['http_route'])],
    },
    {
      kind: 'stack',
      title: 'Requests in flight',
      unit: 'short',
      queries: one(
        sumBy(['http_request_method'], `http_server_active_requests{${scope}}`),
        '{{http_request_method}}',
      ),
    },
    bodies('request'),
    bodies('response'),
  ],
}

const calls: Row = {
  title: 'Calls',
  panels: [
    {
      kind: 'stack',
      title: 'Calls by name and outcome',
      unit: 'ops',
      queries: one(
        sumBy(['call', 'outcome'], rate('millrace_call_duration_seconds_count', scope)),
        '{{call}} {{outcome}}',
      ),
    },
    {
      kind: 'lines',
      title: 'Failed calls by error',
      unit: 'ops',
      queries: one(
        sumBy(
          ['call', 'error_type'],
          rate('millrace_call_duration_seconds_count', `${scope},error_type!=""`),
        ),
        '{{call}} {{error_type}}',
      ),
    },
    {
      kind: 'lines',
      title: 'Duration of calls',
      unit: 's',
      queries: [quantile('millrace_call_duration_seconds', scope, 0.95, ['call'])],
    },
  ],
}

const gauge = (title: string, unit: string, ...metrics: readonly (readonly [string, string])[]): Panel => ({
  kind: 'lines',
  title,
  unit,
  queries: metrics.map(([metric, name]) => ({
    expr: `${metric}{${scope}}`,
    legend: `{{instance}} {{worker}} ${name}`.trim(),
  })),
})

/** What happens in a second. */
const pace = (title: string, unit: string, metric: string, label: string): Panel => ({
  kind: 'lines',
  title,
  unit,
  queries: one(sumBy(['instance', label], rate(metric, scope)), `{{instance}} {{${label}}}`),
})

const runtime: Row = {
  title: 'Process',
  panels: [
    pace('CPU', 'percentunit', 'process_cpu_seconds_total', 'mode'),
    gauge('Event loop utilisation', 'percentunit', ['nodejs_eventloop_utilization', '']),
    gauge('Event loop delay', 's', ['nodejs_eventloop_lag_p99_seconds', 'p99']),
    gauge('Resident memory', 'bytes', ['process_resident_memory_bytes', '']),
    gauge(
      'Heap',
      'bytes',
      ['nodejs_heap_size_used_bytes', 'used'],
      ['nodejs_heap_size_limit_bytes', 'limit'],
    ),
    pace('Garbage collection', 'percentunit', 'nodejs_gc_duration_seconds_sum', 'kind'),
    gauge('Open file descriptors', 'short', ['process_open_fds', '']),
    pace('Disks', 'Bps', 'process_disk_bytes_total', 'direction'),
    pace('Network', 'Bps', 'process_network_bytes_total', 'direction'),
  ],
}

/** @param isTimed whether there is a variable for the route */
const rowOf = ({ name, telemetry }: AnyPlugin, isTimed: boolean): Row => ({
  title: name,
  panels: (telemetry?.metrics ?? []).map((metric) =>
    panelOf(name, metric, isTimed && metric.labels.includes('route') ? `${scope},route=~"$route"` : scope),
  ),
})

const panelOf = (plugin: string, { kind, name, help, labels }: Metric, matchers: string): Panel => {
  const described = { kind: 'lines', title: titleOf(plugin, name), description: help } as const
  switch (kind) {
    case 'counter':
      return {
        ...described,
        unit: rateUnits[unitOf(name)] ?? 'ops',
        queries: one(sumBy(labels, rate(name, matchers)), legendOf(labels)),
      }
    case 'histogram':
      return {
        ...described,
        unit: units[unitOf(name)] ?? 'short',
        queries: [0.5, 0.95, 0.99].map((of) => quantile(name, matchers, of, labels)),
      }
    case 'gauge':
      return {
        ...described,
        unit: units[unitOf(name)] ?? 'short',
        queries: one(`${name}{${matchers}}`, `{{instance}} {{worker}} ${legendOf(labels)}`.trim()),
      }
  }
}

/** `millrace_cache_tier_duration_seconds` of the plugin `cache` is its "Tier duration". */
const titleOf = (plugin: string, metric: string): string => {
  const words = metric
    .replace(`millrace_${plugin.replaceAll('-', '_')}_`, '')
    .replace(/_total$/, '')
    .replace(/_(seconds|ratio)$/, '')
    .replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The base unit that a name ends with, as Prometheus wants it. */
const unitOf = (metric: string): string => metric.replace(/_total$/, '').replace(/^.*_/, '')

const units: Readonly<Record<string, string>> = { seconds: 's', bytes: 'bytes', ratio: 'percentunit' }
const rateUnits: Readonly<Record<string, string>> = { seconds: 's', bytes: 'Bps' }
