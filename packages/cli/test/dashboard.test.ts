import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type AnyPlugin, type Millrace, millrace as millraceOf } from '@millrace/core'
import { stringify } from 'yaml'
import { dashboardOf } from '../src/dashboard.ts'
import { measuring, scale, timing } from './fixtures/plugins.ts'
import { millrace } from './millrace.ts'
import { checkRules, skip } from './promtool.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig: { readonly defaults: { readonly unit: string } }
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
  }[]
}

interface Shown {
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] }
}

const millOf = (...plugins: readonly AnyPlugin[]): Millrace =>
  millraceOf({ plugins, routes: { '/**': Object.fromEntries(plugins.map(({ name }) => [name, true])) } })

/** As Grafana reads it. */
const shown = (...plugins: readonly AnyPlugin[]): Shown =>
  JSON.parse(JSON.stringify(dashboardOf(millOf(...plugins), 'Millrace')))

const rowsOf = ({ panels }: Shown): readonly string[] =>
  panels.filter(({ type }) => type === 'row').map(({ title }) => title)

const queriesOf = ({ panels }: Shown): readonly string[] =>
  panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

const variablesIn = (text: string): readonly string[] =>
  [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name).filter((name) => name !== '__rate_interval')

/** What `timing` tells and `metrics` adds about the process, by the names that their documentation gives. */
const timed = [
  'http_server_request_duration_seconds',
  'http_server_active_requests',
  'http_server_request_body_size_bytes',
  'http_server_response_body_size_bytes',
  'millrace_call_duration_seconds',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_open_fds',
  'process_disk_bytes_total',
  'process_network_bytes_total',
  'nodejs_eventloop_utilization',
  'nodejs_eventloop_lag_p99_seconds',
  'nodejs_heap_size_used_bytes',
  'nodejs_heap_size_limit_bytes',
  'nodejs_gc_duration_seconds',
]

const metrics = measuring('metrics')

const full = shown(timing, metrics, scale, measuring('silent'))

describe('millrace dashboard', () => {
  it('has rows for exactly what is installed and measures', () => {
    assert.deepEqual(rowsOf(full), ['Requests', 'Calls', 'Process', 'scale'])
    assert.deepEqual(rowsOf(shown(timing)), ['Requests', 'Calls'])
    assert.deepEqual(rowsOf(shown(metrics)), ['Process'])
    assert.deepEqual(rowsOf(shown(scale)), ['scale'])
    assert.deepEqual(rowsOf(shown(measuring('silent'))), [])
  })

  it('shows a plugin that nobody has heard of by what it says of its metrics', () => {
    const at = full.panels.findIndex(({ title }) => title === 'scale')
    assert.deepEqual(
      full.panels.slice(at + 1).map(({ title, description, fieldConfig, targets = [] }) => ({
        title,
        description,
        unit: fieldConfig.defaults.unit,
        targets: targets.map(({ expr, legendFormat }) => [expr, legendFormat]),
      })),
      [
        {
          title: 'Weighed bytes',
          description: 'What was weighed.',
          unit: 'Bps',
          targets: [
            [
              'sum by (route) (rate(millrace_scale_weighed_bytes_total{job=~"$job",instance=~"$instance",route=~"$route"}[$__rate_interval]))',
              '{{route}}',
            ],
          ],
        },
        {
          title: 'Wait duration',
          description: 'How long it took.',
          unit: 's',
          targets: [0.5, 0.95, 0.99].map((of) => [
            `histogram_quantile(${of}, sum by (le, route, side) (rate(millrace_scale_wait_duration_seconds_bucket{job=~"$job",instance=~"$instance",route=~"$route"}[$__rate_interval])))`,
            `p${of * 100} {{route}} {{side}}`,
          ]),
        },
        {
          title: 'Tilt',
          description: 'How far it is from level.',
          unit: 'short',
          targets: [['millrace_scale_tilt{job=~"$job",instance=~"$instance"}', '{{instance}} {{worker}}']],
        },
      ],
    )
  })

  it('names only metrics that something exports', () => {
    const told = [...timed, ...(scale.telemetry?.metrics ?? []).map(({ name }) => name)]
    const texts = [...queriesOf(full), JSON.stringify(full.templating)]
    const named = texts.flatMap((text) => [...text.matchAll(/([a-z_0-9]+)\{/g)].map(([, name = '']) => name))
    assert.ok(named.length > 20)
    for (const name of named) {
      assert.ok(told.includes(name) || told.includes(name.replace(/_(bucket|sum|count)$/, '')), name)
    }
    // And none is left out.
    for (const name of told)
      assert.ok(
        texts.some((text) => text.includes(name)),
        name,
      )
  })

  for (const plugins of [[timing, metrics, scale], [timing], [metrics], [scale]]) {
    const dashboard = shown(...plugins)
    const names = plugins.map(({ name }) => name).join(' and ')

    it(`has the variables that it reads, with ${names}`, () => {
      const variables = dashboard.templating.list.map(({ name }) => name)
      const read = [...queriesOf(dashboard), JSON.stringify(dashboard)].flatMap(variablesIn)
      assert.deepEqual([...new Set(read)].filter((name) => name !== '__all').sort(), [...variables].sort())
    })

    it(`has panels beside and below each other, with ${names}`, () => {
      const places = dashboard.panels.map(({ gridPos }) => gridPos)
      for (const [i, one] of places.entries()) {
        assert.ok(one.x >= 0 && one.x + one.w <= 24)
        for (const other of places.slice(i + 1)) {
          const apart =
            one.x + one.w <= other.x ||
            other.x + other.w <= one.x ||
            one.y + one.h <= other.y ||
            other.y + other.h <= one.y
          assert.ok(apart, `${JSON.stringify(one)} and ${JSON.stringify(other)}`)
        }
      }
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
    })
  }

  it('has queries that Prometheus can read', { skip }, async () => {
    const queries = [...new Set(queriesOf(full))]
    // There is no promtool for a query alone.
    const rules = queries.map((expr, i) => ({
      record: `query:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }))
    assert.equal(await checkRules(stringify({ groups: [{ name: 'dashboard', rules }] })), '')
  })

  it('is printed, under the name that it is given', async () => {
    const { code, stdout, stderr } = await millrace('shop', 'dashboard', '--title', 'The shop, inside')
    assert.deepEqual([code, stderr], [0, ''])
    const { title, uid, ...dashboard }: Shown = JSON.parse(stdout)
    assert.deepEqual([title, uid], ['The shop, inside', 'the-shop-inside'])
    assert.deepEqual(rowsOf({ title, uid, ...dashboard }), [
      'Requests',
      'Calls',
      'Process',
      'scale',
      'cache',
      'breaker',
    ])
  })

  it('says that there is nothing to show', async () => {
    const { code, stderr } = await millrace('good', 'dashboard')
    assert.deepEqual([code, stderr], [0, 'warning: no installed plugin measures anything\n'])
  })
})
