import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AmbiguousPathError, millrace } from '../src/index.ts'
import {
  type NaivePattern,
  naiveBind,
  naiveMatch,
  naiveMerge,
  type Said,
  segmentsOf,
  sourceOf,
  withoutTwins,
} from './model.ts'
import { probe } from './probe.ts'

const plugins = [probe('observer'), probe('keeper', 'store'), probe('guard', 'protect')] as const
const names = plugins.map((plugin) => plugin.name)

const part = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'C') },
  { weight: 2, arbitrary: fc.constantFrom(':x', ':y') },
  { weight: 1, arbitrary: fc.constant('*') },
  { weight: 1, arbitrary: fc.constant('**') },
)
const parts = fc.array(part, { maxLength: 4 }).filter((list) => {
  const once = list.filter((each) => each === '**' || each.startsWith(':'))
  return new Set(once).size === once.length
})
const methods = fc.subarray(['GET', 'HEAD', 'POST', 'PUT'], { maxLength: 2 })
const said: fc.Arbitrary<Said> = fc.oneof(
  fc.boolean(),
  fc.dictionary(fc.constantFrom('p', 'q', 'r'), fc.nat(99), { minKeys: 1 }),
)
interface NaiveRule extends NaivePattern {
  readonly says: Readonly<Record<string, Said>>
}
const rule: fc.Arbitrary<NaiveRule> = fc.record({
  methods,
  parts,
  says: fc.dictionary(fc.constantFrom(...names), said),
})
const table = fc.array(rule, { minLength: 1, maxLength: 30 }).map(withoutTwins)
const literalsOf = (rules: readonly NaivePattern[]): Record<string, object> =>
  Object.fromEntries(rules.map((each) => [sourceOf(each), {}]))

const path = fc
  .tuple(fc.array(fc.constantFrom('a', 'A', 'b', 'c', 'd', 'a%20b'), { maxLength: 5 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`)
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE')

describe('the route table', () => {
  it('finds what trying every pattern finds, from least to most specific', () => {
    fc.assert(
      fc.property(table, method, path, (rules, method, path) => {
        const expected = naiveMatch(rules, method, segmentsOf(path))
        const mill = millrace({ plugins: [], routes: literalsOf(rules) })
        const { patterns, params, site } = mill.explain(method, path)
        assert.deepEqual(patterns, expected.map(sourceOf))
        assert.equal(site, patterns.at(-1) ?? 'unmatched')
        const bound = expected.map((pattern) => naiveBind(pattern, method, segmentsOf(path)))
        const decoded = Object.entries(Object.assign({}, ...bound)).map(([name, value]) => [
          name,
          decodeURIComponent(String(value)),
        ])
        assert.deepEqual(params, Object.fromEntries(decoded))
      }),
      { numRuns: 400 },
    )
  })

  it('merges what they say as laying them over each other does', () => {
    fc.assert(
      fc.property(table, method, path, (rules, method, path) => {
        const holding = naiveMatch(rules, method, segmentsOf(path))
        const mill = millrace({
          plugins,
          routes: Object.fromEntries(rules.map((each) => [sourceOf(each), each.says])),
        })
        const expected = names.flatMap((plugin) => {
          const merged = naiveMerge(holding.map((each) => [sourceOf(each), each.says[plugin]]))
          return merged ? { plugin, ...merged } : []
        })
        const { layers } = mill.explain(method, path)
        assert.deepEqual(
          layers.map(({ plugin, options, from }) => ({ plugin, options, from })),
          expected,
        )
      }),
      { numRuns: 400 },
    )
  })

  it('gives the same pipeline to every request under the same rules', () => {
    const mill = millrace({ plugins, routes: { '/**': { observer: true }, 'GET /a/:x': { keeper: true } } })
    assert.equal(mill.match('GET', '/a/1'), mill.match('HEAD', '/A/2?q'))
    assert.equal(mill.match('POST', '/a/1'), mill.match('GET', '/elsewhere/deep'))
    assert.notEqual(mill.match('POST', '/a/1'), mill.match('GET', '/a/1'))
  })

  it('reads params behind "**" from the end', () => {
    const mill = millrace({ plugins: [], routes: { '/:shop/**/:item/edit': {} } })
    assert.deepEqual(mill.explain('GET', '/s/a/b/c/edit').params, { shop: 's', item: 'c' })
    assert.deepEqual(mill.explain('GET', '/s/c/edit/').params, { shop: 's', item: 'c' })
  })

  it('decodes params, and leaves what is no valid encoding', () => {
    const mill = millrace({ plugins: [], routes: { '/:name': {} } })
    assert.deepEqual(mill.explain('GET', '/a%20%C3%A9').params, { name: 'a é' })
    assert.deepEqual(mill.explain('GET', '/a%20%zz').params, { name: 'a%20%zz' })
  })

  it('lets the most specific pattern name a param that several have', () => {
    const mill = millrace({ plugins: [], routes: { '/:x/**': {}, '/a/:x': {} } })
    assert.deepEqual(mill.explain('GET', '/a/b').params, { x: 'b' })
  })

  it('takes HEAD for GET, and a rule for HEAD for more specific', () => {
    for (const order of [
      ['GET /a', 'HEAD /a'],
      ['HEAD /a', 'GET /a'],
    ]) {
      const mill = millrace({ plugins: [], routes: Object.fromEntries(order.map((each) => [each, {}])) })
      assert.deepEqual(mill.explain('HEAD', '/a').patterns, ['GET /a', 'HEAD /a'])
      assert.deepEqual(mill.explain('GET', '/a').patterns, ['GET /a'])
    }
  })

  it('takes a method in any case, as HTTP/2 lets it through', () => {
    const mill = millrace({ plugins: [], routes: { 'GET /a': {}, 'GET,POST /a': {} } })
    assert.deepEqual(
      mill.match('Get', '/a').patterns.map((pattern) => pattern.source),
      ['GET,POST /a', 'GET /a'],
    )
    assert.deepEqual(mill.match('FROB', '/a').patterns, [])
  })

  it('lets only "**" hold for "OPTIONS *"', () => {
    const mill = millrace({ plugins: [], routes: { '/**': {}, '/': {}, '/*': {}, '/:x/**': {} } })
    assert.deepEqual(mill.explain('OPTIONS', '*').patterns, ['/**'])
  })

  it('finds the path in an absolute target', () => {
    const mill = millrace({ plugins: [], routes: { '/': {}, '/a/:x': {} } })
    for (const host of ['http://h', 'HTTPS://h:8080', 'http://[::1]:80', 'ws://a-b.c_d']) {
      assert.deepEqual(mill.explain('GET', `${host}/a/b?q#f`).patterns, ['/a/:x'])
      assert.deepEqual(mill.explain('GET', host).patterns, ['/'])
      assert.deepEqual(mill.explain('GET', `${host}?/a/b`).patterns, ['/'])
    }
  })

  it('refuses a table whose combinations have no end', () => {
    const stars = Array.from({ length: 20 }, () => '*').join('/')
    const routes = Object.fromEntries([...'abcdefgh'].map((letter) => [`/**/${letter}/${stars}`, {}]))
    assert.throws(() => millrace({ plugins: [], routes }), {
      message: 'routes: the patterns together are too complex: use fewer "**" before other parts',
    })
  })
})

describe('an ambiguous path', () => {
  it('is the same error for every host', () => {
    const mill = millrace({ plugins: [], routes: { '/a': {} } })
    assert.throws(
      () => mill.match('GET', '/x/../a'),
      (error) => error instanceof AmbiguousPathError && error.status === 400 && error.expose,
    )
  })
})
