import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { definePlugin, duration, millrace, type Plugin } from '../src/index.ts'
import { checked, probe } from './probe.ts'

const limit = checked(
  'limit',
  z.strictObject({ max: z.number().default(10), per: duration().default(1000) }),
  {
    shorthand: (value) => (typeof value === 'number' ? { max: value } : undefined),
  },
)

const layersOf = (routes: Record<string, Record<string, unknown>>, path: string): unknown =>
  millrace({ plugins: [limit, probe('other')], routes }).explain('GET', path).layers

describe('rules', () => {
  it('merge option by option, each with the rule that said it', () => {
    assert.deepEqual(
      layersOf(
        { '/**': { limit: { max: 1, per: '1s' } }, '/a/**': { limit: { max: 2 } }, '/a/b': { limit: true } },
        '/a/b',
      ),
      [
        {
          plugin: 'limit',
          stage: 'observe',
          options: { max: { value: 2, from: '/a/**' }, per: { value: '1s', from: '/**' } },
          from: '/a/b',
        },
      ],
    )
  })

  it('merge whole options: an object in an option replaces the less specific one', () => {
    assert.deepEqual(
      layersOf({ '/**': { other: { deep: { a: 1, b: 2 } } }, '/a': { other: { deep: { a: 3 } } } }, '/a'),
      [{ plugin: 'other', stage: 'observe', options: { deep: { value: { a: 3 }, from: '/a' } }, from: '/a' }],
    )
  })

  it('false switches off and forgets', () => {
    const routes = { '/**': { limit: { max: 1 } }, '/a/**': { limit: false }, '/a/b': { limit: true } }
    assert.deepEqual(layersOf(routes, '/a/c'), [])
    assert.deepEqual(layersOf(routes, '/a/b'), [
      { plugin: 'limit', stage: 'observe', options: {}, from: '/a/b' },
    ])
  })

  it('false where nothing is on says nothing, and neither does undefined', () => {
    assert.deepEqual(layersOf({ '/a': { limit: false } }, '/a'), [])
    assert.deepEqual(layersOf({ '/**': { limit: 5 }, '/a': { limit: undefined } }, '/a'), [
      { plugin: 'limit', stage: 'observe', options: { max: { value: 5, from: '/**' } }, from: '/**' },
    ])
    assert.deepEqual(layersOf({ '/**': { limit: 5 }, '/a': { limit: { max: undefined } } }, '/a'), [
      { plugin: 'limit', stage: 'observe', options: { max: { value: 5, from: '/**' } }, from: '/a' },
    ])
  })

  it('read the short form as options', () => {
    assert.deepEqual(layersOf({ '/a': { limit: 7 } }, '/a'), [
      { plugin: 'limit', stage: 'observe', options: { max: { value: 7, from: '/a' } }, from: '/a' },
    ])
  })

  it('are given to the plugin as its schema reads them', () => {
    const rules: unknown[] = []
    const plugin: Plugin<'limit'> = {
      ...limit,
      http: (rule, site) => {
        rules.push({ rule, site: { kind: site.kind, name: site.name } })
        return (exchange, next) => next(exchange)
      },
    }
    millrace({ plugins: [plugin], routes: { '/**': { limit: 5 }, 'GET /a': { limit: { per: '2m' } } } })
    assert.deepEqual(rules, [
      { rule: { max: 5, per: 1000 }, site: { kind: 'route', name: '/**' } },
      { rule: { max: 5, per: 120_000 }, site: { kind: 'route', name: 'GET /a' } },
    ])
  })

  it('may say a required option once, for all that are more specific', () => {
    const upstream = checked('upstream', z.strictObject({ url: z.string(), retries: z.number().default(0) }))
    const mill = millrace({
      plugins: [upstream],
      routes: { '/api/**': { upstream: { url: 'http://u' } }, '/api/slow': { upstream: { retries: 2 } } },
    })
    assert.equal(mill.explain('GET', '/api/slow').layers[0]?.options['url']?.from, '/api/**')
  })

  it('are merged before options are compared with each other', () => {
    const range = checked(
      'range',
      z
        .strictObject({ min: z.number().default(0), max: z.number().default(9) })
        .refine(({ min, max }) => min <= max, {
          error: 'expected min to be at most max',
        }),
    )
    const mill = millrace({
      plugins: [range],
      routes: { '/**': { range: { max: 99 } }, '/a': { range: { min: 50 } } },
    })
    assert.deepEqual(Object.keys(mill.explain('GET', '/a').layers[0]?.options ?? {}), ['max', 'min'])
  })

  it('are not changed, and not kept: the table is what they said when it was made', () => {
    const options = { max: 1 }
    const routes = { '/a': { limit: options } }
    const frozen = structuredClone(routes)
    const mill = millrace({ plugins: [limit], routes })
    assert.deepEqual(routes, frozen)
    options.max = 2
    assert.equal(mill.explain('GET', '/a').layers[0]?.options['max']?.value, 1)
  })

  it('run in the order of stages, and inside a stage in that of the list', () => {
    const plugins = [probe('guard', 'protect'), probe('second'), probe('third'), probe('keeper', 'store')]
    const routes = { '/**': { keeper: true, third: true, guard: true, second: true } }
    const { layers } = millrace({ plugins, routes }).explain('GET', '/')
    assert.deepEqual(
      layers.map(({ plugin, stage }) => `${stage} ${plugin}`),
      ['observe second', 'observe third', 'store keeper', 'protect guard'],
    )
  })
})

describe('explain', () => {
  it('says for a request without a rule that it is unmatched', () => {
    const mill = millrace({ plugins: [limit], routes: { '/a': { limit: true } } })
    assert.deepEqual(mill.explain('get', '/b?x'), { site: 'unmatched', patterns: [], params: {}, layers: [] })
  })

  it('takes the method in any case and the target with its query', () => {
    const mill = millrace({ plugins: [], routes: { 'GET /a/:x': {} } })
    assert.deepEqual(mill.explain('get', '/a/1?y=2'), {
      site: 'GET /a/:x',
      patterns: ['GET /a/:x'],
      params: { x: '1' },
      layers: [],
    })
  })
})

describe('explainTable', () => {
  it('says what holds for requests of every kind that the table tells apart', () => {
    const routes = {
      '/a/**': { limit: { max: 1 } },
      'GET /a/:x': { limit: { per: '1s' } },
      '/a/b': { limit: false },
    }
    const mill = millrace({ plugins: [limit], routes })
    const told = mill.explainTable()
    for (const [method, path] of [
      ['GET', '/a/5'],
      ['POST', '/a/5'],
      ['GET', '/a/b'],
      ['POST', '/a/b'],
      ['GET', '/b'],
    ] as const) {
      const asked = { ...mill.explain(method, path), params: {} }
      const same = told.filter(({ patterns }) => String(patterns) === String(asked.patterns))
      assert.deepEqual(same, [asked])
    }
    assert.equal(told.length, 5)
  })

  it('follows the table that holds now', () => {
    const mill = millrace({ plugins: [limit], routes: { '/old': { limit: true } } })
    mill.configure({ routes: { '/new': { limit: true } } })
    assert.deepEqual(
      mill.explainTable().map(({ site }) => site),
      ['unmatched', '/new'],
    )
  })
})

describe('rules around calls', () => {
  const mill = millrace({
    plugins: [limit],
    calls: {
      '**': { limit: 1 },
      'city.*': { limit: { per: '1s' } },
      'city.find': { limit: { max: 3 } },
      'city.all': { limit: false },
    },
  })

  it('are found by the parts of the name, in its case', () => {
    const said = (name: string): unknown =>
      mill
        .explainCall(name)
        .layers.map(({ options }) =>
          Object.fromEntries(
            Object.entries(options).map(([option, { value, from }]) => [option, `${value} by ${from}`]),
          ),
        )
    assert.deepEqual(said('city.find'), [{ max: '3 by city.find', per: '1s by city.*' }])
    assert.deepEqual(said('city.FIND'), [{ max: '1 by **', per: '1s by city.*' }])
    assert.deepEqual(said('city.all'), [])
    assert.deepEqual(said('city.near.lake'), [{ max: '1 by **' }])
    assert.deepEqual(said('other'), [{ max: '1 by **' }])
  })

  it('are less specific than those given with the function', async () => {
    const rules: unknown[] = []
    const watched = definePlugin({
      name: 'limit',
      stage: 'observe',
      rule: z.strictObject({ max: z.number().default(10), per: z.number().default(1) }),
      call: (rule, { name }) => {
        rules.push([name, rule])
        return (call, next) => next(call)
      },
    })
    const wrapping = millrace({ plugins: [watched], calls: { 'a.*': { limit: { max: 1, per: 2 } } } })
    const add = wrapping.wrap('a.add', (x: number, y: number) => x + y, { limit: { max: 5 } })
    assert.equal(await add(1, 2), 3)
    assert.deepEqual(rules, [['a.add', { max: 5, per: 2 }]])
  })
})

describe('inline rules', () => {
  it('are a pipeline of their own', () => {
    const mill = millrace({ plugins: [limit, probe('other')], routes: { '/**': { other: true } } })
    const pipeline = mill.inline({ limit: 3 })()
    assert.deepEqual(
      pipeline.effective.map(({ plugin, rule, from }) => [plugin.name, rule, from]),
      [['limit', { max: 3, per: 1000 }, { max: 'use({"limit":3})' }]],
    )
    assert.deepEqual(pipeline.patterns, [])
  })

  it('add to an enclosing pipeline what has not run there', () => {
    const mill = millrace({ plugins: [limit, probe('other')], routes: { '/**': { other: true } } })
    const outer = mill.match('GET', '/')
    const inline = mill.inline({ limit: 3, other: { x: 1 } })()
    const inner = inline.inside(outer)
    assert.deepEqual(
      inner.effective.map(({ plugin }) => plugin.name),
      ['limit'],
    )
    assert.deepEqual([...inner.plugins].map(({ name }) => name).sort(), ['limit', 'other'])
    assert.equal(inline.inside(outer), inner)
  })

  it('may hold what JSON cannot', () => {
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    assert.doesNotThrow(() => millrace({ plugins: [probe('other')] }).inline({ other: { loop, big: 1n } }))
  })
})

describe('what is used', () => {
  it('is a plugin that some route, call, inline rule or wrapped function switches on', () => {
    const plugins = ['a', 'b', 'c', 'd', 'e'].map((name) => probe(name))
    const mill = millrace({ plugins, routes: { '/x': { a: true, e: false } }, calls: { f: { b: true } } })
    assert.deepEqual(mill.inspect().unused, ['c', 'd', 'e'])
    mill.inline({ c: true })
    mill.wrap('g', () => 1, { d: true })
    assert.deepEqual(mill.inspect().unused, ['e'])
  })
})
