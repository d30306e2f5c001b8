import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { millrace } from './millrace.ts'
import { checkRules, type RulesTest, skip, testRules } from './promtool.ts'

const rulesOf = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await millrace('shop', 'rules', 'shop', ...args)
  assert.equal(code, 0, stderr)
  return stdout
}

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
}

const read = (text: string): readonly { readonly name: string; readonly rules: readonly Rule[] }[] =>
  parse(text).groups

const alertsIn = (text: string): readonly (string | undefined)[] => [
  ...new Set(read(text).flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []))),
]

/** Requests a minute by their labels, for as long as the test takes. */
const requests = (
  counts: Readonly<Record<string, number>>,
  metric = 'count',
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(counts).map(([labels, count]) => [
      `http_server_request_duration_seconds_${metric}{job="shop",instance="a",${labels}}`,
      `0+${count}x10000`,
    ]),
  )

/** What is asked about a city, with an outcome. */
const city = (outcome: string, status = '200', method = 'GET'): string =>
  `http_route="/cities/:city",http_request_method="${method}",outcome="${outcome}",http_response_status_code="${status}"`

const report =
  'http_route="/reports/:year",http_request_method="GET",http_response_status_code="200",outcome="ok"'

const burning = (pattern: string, rate: number, long: string, told: string): RulesTest['fires'] => [
  {
    exp_labels: {
      job: 'shop',
      objective: pattern,
      burn: String(rate),
      severity: rate === 1 ? 'ticket' : 'page',
    },
    exp_annotations: {
      summary: `shop ${pattern} spends its budget ${rate} times as fast as it lasts`,
      description: `Within ${long}, ${told}.`,
    },
  },
]

const failing = (rate: number, long: string, share: string): RulesTest['fires'] =>
  burning('GET /cities/:id', rate, long, `${share} of the requests failed; promised are 99.9 % that do not`)

const late = (rate: number, long: string, share: string): RulesTest['fires'] =>
  burning(
    '/reports/**',
    rate,
    long,
    `${share} of the requests took longer than 5 s; promised are 99 % within 5 s`,
  )

/** Of 10,000 reports a minute so many are late. */
const reports = (slow: number): Readonly<Record<string, string>> => ({
  ...requests({ [report]: 10_000 }),
  ...requests({ [`${report},le="5"`]: 10_000 - slow, [`${report},le="10"`]: 10_000 }, 'bucket'),
})

const fires = (
  labels: Readonly<Record<string, string>>,
  summary: string,
  description: string,
): RulesTest['fires'] => [
  { exp_labels: { job: 'shop', ...labels }, exp_annotations: { summary, description } },
]

type Case = readonly [does: string, test: Omit<RulesTest, 'alert'>]

/** From the hour 71 on, an hour of 2 % errors. */
const trouble = {
  ...requests({ [city('ok')]: 9800 }),
  [`http_server_request_duration_seconds_count{job="shop",instance="a",${city('error', '500')}}`]:
    '0x2130 200+200x29 6000x100',
}

const cases: Readonly<Record<string, readonly Case[]>> = {
  MillraceErrorBudgetBurn: [
    [
      'fires above 14.4 times the rate',
      {
        isLong: true,
        series: requests({ [city('ok')]: 9850, [city('error', '500')]: 150 }),
        at: '8h',
        fires: [...failing(14.4, '1h', '1.5%'), ...failing(6, '6h', '1.5%'), ...failing(1, '3d', '1.5%')],
      },
    ],
    [
      'fires between 6 and 14.4 times the rate',
      {
        isLong: true,
        series: requests({ [city('ok')]: 9860, [city('timeout', '504')]: 140 }),
        at: '8h',
        fires: [...failing(6, '6h', '1.4%'), ...failing(1, '3d', '1.4%')],
      },
    ],
    [
      'fires between the rate that lasts and 6 times of it',
      {
        isLong: true,
        series: requests({ [city('ok')]: 9945, [city('rejected', '503')]: 55 }),
        at: '8h',
        fires: failing(1, '3d', '0.55%'),
      },
    ],
    [
      'fires above the rate that lasts',
      {
        isLong: true,
        series: requests({ [city('ok')]: 9989, [city('error', '500')]: 11 }),
        at: '8h',
        fires: failing(1, '3d', '0.11%'),
      },
    ],
    [
      'leaves alone what lasts',
      {
        isLong: true,
        series: requests({ [city('ok')]: 9991, [city('error', '500')]: 9 }),
        at: '8h',
        fires: [],
      },
    ],
    [
      'fires for an hour alone after days without',
      { isLong: true, series: trouble, at: '72h', fires: failing(14.4, '1h', '2%') },
    ],
    ['ends soon after the trouble', { isLong: true, series: trouble, at: '72h10m', fires: [] }],
    [
      'counts no client that leaves or asks too often',
      {
        series: requests({ [city('ok')]: 10, [city('aborted')]: 500, [city('rejected', '429')]: 500 }),
        at: '2h',
        isLong: true,
        fires: [],
      },
    ],
    [
      'counts no other methods, routes and apps',
      {
        series: {
          ...requests({
            [city('ok')]: 10,
            [city('error', '500', 'POST')]: 500,
            [city('error', '500').replace('/cities/:city', '/cities')]: 500,
          }),
          [`http_server_request_duration_seconds_count{job="other",${city('error', '500')}}`]: '0+500x10000',
        },
        at: '2h',
        isLong: true,
        fires: [],
      },
    ],
  ],
  MillraceLatencyBudgetBurn: [
    [
      'fires above 14.4 times the rate',
      {
        isLong: true,
        series: reports(1450),
        at: '8h',
        fires: [...late(14.4, '1h', '14.5%'), ...late(6, '6h', '14.5%'), ...late(1, '3d', '14.5%')],
      },
    ],
    [
      'fires between 6 and 14.4 times the rate',
      {
        isLong: true,
        series: reports(610),
        at: '8h',
        fires: [...late(6, '6h', '6.1%'), ...late(1, '3d', '6.1%')],
      },
    ],
    [
      'fires above the rate that lasts',
      { isLong: true, series: reports(110), at: '8h', fires: late(1, '3d', '1.1%') },
    ],
    ['leaves alone what lasts', { isLong: true, series: reports(90), at: '8h', fires: [] }],
    [
      'reads a bound as OpenMetrics writes it',
      {
        series: Object.fromEntries(
          Object.entries(reports(110)).map(([name, values]) => [name.replace('le="5"', 'le="5.0"'), values]),
        ),
        at: '8h',
        isLong: true,
        fires: late(1, '3d', '1.1%'),
      },
    ],
  ],
  MillraceTargetDown: [
    [
      'fires when it cannot be scraped',
      {
        series: { 'up{job="shop",instance="a"}': '1 0x10', 'up{job="shop",instance="b"}': '1x10' },
        at: '5m',
        fires: fires(
          { instance: 'a', severity: 'page' },
          'shop a cannot be scraped',
          'It is down, does not answer in time, or Prometheus does not know of it.',
        ),
      },
    ],
    [
      'fires when nobody knows of it',
      {
        series: { 'up{job="other"}': '1x10' },
        at: '5m',
        fires: fires(
          { severity: 'page' },
          'shop  cannot be scraped',
          'It is down, does not answer in time, or Prometheus does not know of it.',
        ),
      },
    ],
    ['waits for a restart', { series: { 'up{job="shop",instance="a"}': '1 0 1x10' }, at: '3m', fires: [] }],
  ],
  MillraceSlowRoute: [
    [
      'fires by route',
      {
        series: requests(
          {
            [`${city('ok')},le="1"`]: 90,
            [`${city('ok')},le="2.5"`]: 100,
            [`${city('ok')},le="+Inf"`]: 100,
            [`${city('ok').replace('/cities/:city', '/fast')},le="1"`]: 100,
            [`${city('ok').replace('/cities/:city', '/fast')},le="+Inf"`]: 100,
          },
          'bucket',
        ),
        at: '25m',
        fires: fires(
          { http_route: '/cities/:city', severity: 'ticket' },
          'shop /cities/:city is slow',
          'The slowest hundredth of its requests takes longer than 2.35s.',
        ),
      },
    ],
    [
      'leaves alone what promises less',
      {
        series: requests({ [`${report},le="1"`]: 90, [`${report},le="+Inf"`]: 100 }, 'bucket'),
        at: '25m',
        fires: [],
      },
    ],
  ],
  MillraceMemoryHigh: [
    [
      'fires near the limit',
      {
        series: {
          'nodejs_heap_size_used_bytes{job="shop",instance="a"}': '95x20',
          'nodejs_heap_size_used_bytes{job="shop",instance="b"}': '50x20',
          'nodejs_heap_size_limit_bytes{job="shop",instance="a"}': '100x20',
          'nodejs_heap_size_limit_bytes{job="shop",instance="b"}': '100x20',
        },
        at: '10m',
        fires: fires(
          { instance: 'a', severity: 'page' },
          'shop a is short of memory',
          'Its heap is 95% full. At its limit the process ends.',
        ),
      },
    ],
  ],
  MillraceEventLoopDelay: [
    [
      'fires when it lasts',
      {
        series: {
          'nodejs_eventloop_lag_p99_seconds{job="shop",instance="a"}': '0.25x20',
          'nodejs_eventloop_lag_p99_seconds{job="shop",instance="b"}': '0.25x4 0.01x20',
        },
        at: '8m',
        fires: fires(
          { instance: 'a', severity: 'ticket' },
          'shop a blocks its event loop',
          'One turn in a hundred comes 250ms late, and every request with it.',
        ),
      },
    ],
  ],
  MillraceLowHitRate: [
    [
      'fires by route, also where nothing is ever hit',
      {
        series: {
          'millrace_cache_lookups_total{job="shop",instance="a",route="/never",outcome="miss"}': '0+60x100',
          'millrace_cache_lookups_total{job="shop",instance="a",route="/often",outcome="miss"}': '0+20x100',
          'millrace_cache_lookups_total{job="shop",instance="a",route="/often",outcome="hit"}': '0+20x100',
          'millrace_cache_lookups_total{job="shop",instance="a",route="/often",outcome="stale"}': '0+20x100',
          'millrace_cache_lookups_total{job="shop",instance="a",route="/often",outcome="bypass"}':
            '0+900x100',
          'millrace_cache_lookups_total{job="shop",instance="a",route="/rare",outcome="miss"}': '0+1x100',
        },
        at: '90m',
        fires: fires(
          { route: '/never', severity: 'ticket' },
          'shop /never is seldom answered from the cache',
          'Only 0% of its requests are hits.',
        ),
      },
    ],
  ],
  MillraceCacheTierDown: [
    [
      'fires although it is tried from time to time',
      {
        series: {
          'millrace_cache_tier_up{job="shop",instance="a",tier="redis"}': '1 1 1 0 0 0 1 0 0 0 0',
          'millrace_cache_tier_up{job="shop",instance="b",tier="redis"}': '1 1 1 0 1 1 1 1 1 1 1',
        },
        at: '9m',
        fires: fires(
          { instance: 'a', tier: 'redis', severity: 'ticket' },
          'shop a does without its cache tier redis',
          'The tier fails or does not answer in time. Requests go on without it.',
        ),
      },
    ],
  ],
  MillraceBreakerOpen: [
    [
      'fires although it is half-open from time to time, and not where somebody isolated it',
      {
        series: {
          'millrace_breaker_state{job="shop",instance="a",breaker="db",state="closed"}': '1 1 0x20',
          'millrace_breaker_state{job="shop",instance="a",breaker="db",state="open"}': '0 0 1 1 0 1 1 0 1x20',
          'millrace_breaker_state{job="shop",instance="a",breaker="db",state="half-open"}':
            '0 0 0 0 1 0 0 1 0x20',
          'millrace_breaker_state{job="shop",instance="a",breaker="mail",state="isolated"}': '1x20',
          'millrace_breaker_state{job="shop",instance="a",breaker="mail",state="open"}': '0x20',
        },
        at: '10m',
        fires: fires(
          { instance: 'a', breaker: 'db', severity: 'page' },
          'shop a: the breaker db is open',
          'What it protects keeps failing, and is not called.',
        ),
      },
    ],
  ],
}

describe('millrace rules, by promtool', { skip, concurrency: 2 }, async () => {
  const text = await rulesOf()

  it('are valid', async () => {
    assert.equal(await checkRules(text), '')
  })

  it('have a test for every alert', () => {
    assert.deepEqual([...alertsIn(text)].sort(), Object.keys(cases).sort())
  })

  for (const [alert, each] of Object.entries(cases)) {
    for (const [does, test] of each) {
      it(`${alert} ${does}`, async () => {
        assert.equal(await testRules(text, { ...test, alert }), '')
      })
    }
  }

  it('count by methods where a more specific pattern has some of them', async () => {
    const nested = await rulesOf('--table', 'nested.yaml')
    assert.equal(await checkRules(nested), '')
    const failing = (method: string): RulesTest['series'] =>
      requests({ [city('ok', '200', method)]: 80, [city('error', '500', method)]: 20 })
    const told = '20% of the requests failed; promised are 99 % that do not'
    for (const [method, fires] of [
      ['GET', []],
      ['POST', burning('/**', 14.4, '1h', told)],
    ] as const) {
      const test = { series: failing(method), at: '5m', alert: 'MillraceErrorBudgetBurn' }
      const others =
        fires.length === 0 ? [] : [...burning('/**', 6, '6h', told), ...burning('/**', 1, '3d', told)]
      assert.equal(await testRules(nested, { ...test, fires: [...fires, ...others] }), '')
    }
  })

  it('a test of rules that do not hold fails', async () => {
    const series = { 'up{job="shop",instance="a"}': '0x10' }
    assert.match(
      await testRules(text, { series, at: '5m', alert: 'MillraceTargetDown', fires: [] }),
      /FAILED/,
    )
  })
})

describe('millrace rules', () => {
  it('prints them, and a note on what is measured otherwise than it is said', async () => {
    const { code, stdout, stderr } = await millrace('shop', 'rules', 'shop')
    assert.equal(code, 0)
    assert.deepEqual(
      read(stdout).map(({ name }) => name),
      ['millrace shop /reports/**', 'millrace shop GET /cities/:id', 'millrace shop'],
    )
    assert.equal(
      stderr,
      'warning: routes["GET /cities/:id"].timing.objective.latency: 0.3 s is no bucket of the histogram; ' +
        'it is measured by the next one, 0.5 s\n',
    )
  })

  it('are for the plugins that are installed', async () => {
    const { stdout, stderr } = await millrace('good', 'rules', 'shop')
    assert.deepEqual(alertsIn(stdout), ['MillraceTargetDown'])
    assert.equal(
      stderr,
      'warning: the plugin "timing" is not installed: nothing measures requests\n' +
        'warning: the plugin "metrics" is not installed: it has the page to scrape\n',
    )
  })

  it('are of the table in a file', async () => {
    const { stdout, stderr } = await millrace('shop', 'rules', 'shop', '--table', 'table.yaml')
    assert.equal(stderr, 'warning: no rule of the table states an objective\n')
    assert.deepEqual(
      read(stdout).map(({ name }) => name),
      ['millrace shop'],
    )
  })

  const thresholds: readonly (readonly [args: readonly string[], alert: string, part: RegExp])[] = [
    [['--slow', '250ms'], 'MillraceSlowRoute', / > 0\.25$/],
    [['--hit-rate', '80%'], 'MillraceLowHitRate', / < 0\.8\n/],
    [['--memory', '75'], 'MillraceMemoryHigh', / > 0\.75$/],
    [['--loop-delay', '50ms'], 'MillraceEventLoopDelay', / > 0\.05$/],
    [['--within', '95'], 'MillraceLatencyBudgetBurn', / > 14\.4 \* 0\.05$/],
  ]
  for (const [args, alert, part] of thresholds) {
    it(`take ${args.join(' ')}`, async () => {
      const rules = read(await rulesOf(...args)).flatMap((group) => group.rules)
      assert.match(rules.find((rule) => rule.alert === alert)?.expr ?? '', part)
    })
  }

  it('say what nobody could measure', async () => {
    const { code, stdout, stderr } = await millrace('shop', 'rules', 'shop', '--table', 'wrong.yaml')
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(
      stderr,
      /^routes\["\/a"\]\.timing\.objective\.latency: expected a duration up to the largest/,
    )
  })
})
