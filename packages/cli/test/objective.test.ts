import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Millrace, millrace } from '@millrace/core'
import { objectivesOf } from '../src/objective.ts'
import { timing } from './fixtures/plugins.ts'

const promised = (availability: number): object => ({ timing: { objective: { availability } } })

const millOf = (routes: Readonly<Record<string, object>>): Millrace => millrace({ plugins: [timing], routes })

/** As Prometheus reads matchers: every one has to hold, and an expression for the whole value. */
const holds = (matchers: string, labels: Readonly<Record<string, string>>): boolean =>
  [...matchers.matchAll(/(\w+)(=~|!~)("(?:[^"\\]|\\.)*")/g)].every(([, name = '', operator, quoted = '']) => {
    const text: string = JSON.parse(quoted)
    const expression = new RegExp(`^(?:${text.replace('(?i)', '')})$`, text.startsWith('(?i)') ? 'i' : '')
    return expression.test(labels[name] ?? '') === (operator === '=~')
  })

describe('objectives', () => {
  const tables: Readonly<Record<string, Readonly<Record<string, object>>>> = {
    'one for everything': { '/**': promised(99) },
    'one inside another': {
      '/**': promised(99),
      '/api/**': promised(98),
      'GET /api/cities/:id': promised(97),
    },
    'a literal beside a param': { '/cities/:id': promised(99), '/cities/near': promised(98) },
    methods: {
      '/**': promised(99),
      'GET,POST /cities/:id': promised(98),
      'POST /cities/:id': promised(97),
      'PUT /cities/*': promised(96),
      '/reports/**': promised(95),
      'GET /reports/**': promised(94),
    },
    'one method of everything': { '/**': promised(99), 'GET /**': promised(98) },
    'off and on again': {
      '/**': promised(99),
      '/cities/**': { timing: false },
      'GET /cities/:id': { timing: true },
    },
    'what is merged and states none': {
      '/api/**': promised(99),
      '/api/cities/:id': { timing: { buckets: [1] } },
    },
    'parts before a tail': { '/**/near': promised(99), '/cities/**': promised(98) },
    'dots and stars': { '/v1.0/*/:id': promised(99), '/v1.0/cities/:id': promised(98) },
  }
  const routes = ['', '/api', '/api/cities/5', '/cities', '/cities/5', '/cities/near', '/Cities/5/']
  routes.push(
    '/cities/5/near',
    '/reports',
    '/reports/1/2',
    '/v1.0/a/b',
    '/v1.0/cities/5',
    '/v1x0/a/b',
    '/a/near',
  )
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']

  for (const [name, table] of Object.entries(tables)) {
    it(`count every request once, for the one that holds: ${name}`, () => {
      const mill = millOf(table)
      const objectives = objectivesOf(mill.explainTable())
      for (const method of methods) {
        for (const route of routes) {
          const { layers } = mill.explain(method, route || '/')
          const held = layers[0]?.options['objective']?.from
          const labels = { http_request_method: method, http_route: route || '/' }
          const counted = objectives.flatMap(({ pattern, matchers }) =>
            matchers.filter((each) => holds(each, labels)).map(() => pattern),
          )
          // Where timing is off, nothing is measured that could be counted.
          if (layers.length > 0)
            assert.deepEqual(counted, held === undefined ? [] : [held], `${method} ${route}`)
        }
      }
    })
  }

  it("know the host's own pattern of a route", () => {
    const [objective] = objectivesOf(millOf({ 'GET /cities/:id': promised(99) }).explainTable())
    assert.deepEqual(
      ['/cities/:city', '/cities/:id(\\d+)', '/cities/*rest', '/cities', '/cities/:id/near', 'unmatched'].map(
        (http_route) => holds(objective?.matchers[0] ?? '', { http_route, http_request_method: 'GET' }),
      ),
      [true, true, true, false, false, false],
    )
  })

  for (const pattern of ['/**', '/**/']) {
    it(`for ${pattern} hold for what no pattern is known of`, () => {
      const [objective] = objectivesOf(millOf({ [pattern]: promised(99) }).explainTable())
      assert.deepEqual(objective?.matchers, [''])
    })
  }

  const measured: readonly (readonly [
    name: string,
    latency: string | number,
    buckets: readonly (readonly number[] | undefined)[],
    seconds: number,
  ])[] = [
    ['is its own bucket', '250ms', [undefined], 0.25],
    ['is measured by the next one', '300ms', [undefined], 0.5],
    ['is measured by one of its own', '300ms', [[0.1, 0.3, 1]], 0.3],
    ['is a number of seconds', 2, [[1, 2, 4]], 2],
    [
      'is measured by a bucket that every route of it has',
      '300ms',
      [
        [0.3, 0.5, 1],
        [0.5, 1],
      ],
      0.5,
    ],
  ]
  for (const [name, latency, buckets, seconds] of measured) {
    it(`with a latency: it ${name}`, () => {
      const own = (i: number): object => (buckets[i] === undefined ? {} : { buckets: buckets[i] })
      const [objective] = objectivesOf(
        millOf({
          '/a/**': { timing: { objective: { latency }, ...own(0) } },
          '/a/b': { timing: own(1) },
        }).explainTable(),
      )
      assert.equal(objective?.latency?.bucket, seconds)
    })
  }

  it('that nobody could measure are problems', () => {
    const mill = millOf({
      '/a': { timing: { objective: { latency: '11s', availability: 100 } } },
      '/b': { timing: { objective: { latency: '5 lightyears' }, buckets: [1, 2] } },
    })
    assert.throws(() => objectivesOf(mill.explainTable()), {
      problems: [
        'routes["/a"].timing.objective.availability: expected a percentage below 100, such as 99.9, got 100',
        'routes["/a"].timing.objective.latency: expected a duration up to the largest bucket ' +
          '(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10 seconds), got 11s',
        'routes["/b"].timing.objective.latency: expected a duration up to the largest bucket (1, 2 seconds), ' +
          'got 5 lightyears',
      ],
    })
  })
})
