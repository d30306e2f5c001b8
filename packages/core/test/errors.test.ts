import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { ConfigError, callback, duration, type Millrace, millrace, type Schema, size } from '../src/index.ts'
import { checked, probe } from './probe.ts'

/** What a table file holds is checked by nobody before. */
const make = (options: unknown): Millrace => Reflect.apply(millrace, undefined, [options])

const cache = checked(
  'cache',
  z.strictObject({
    ttl: duration().optional(),
    maxBodySize: size().optional(),
    tags: z.array(z.string()).optional(),
    stale: z.boolean().optional(),
    key: callback().optional(),
    vary: z.strictObject({ header: z.string(), mode: z.enum(['any', 'all']).optional() }).optional(),
  }),
  { shorthand: (value) => (typeof value === 'string' ? { ttl: value } : undefined) },
)
const limit = checked(
  'limit',
  z
    .strictObject({
      max: z.number().int().min(1).max(1000).optional(),
      min: z.number().optional(),
      burst: z.union([z.number(), z.literal('all')]).optional(),
      only: z.string().min(1).optional(),
      skip: z
        .string()
        .transform((source) => new RegExp(source))
        .optional(),
    })
    .refine(({ min = 0, max = 1000 }) => min <= max, { error: 'expected min to be at most max' }),
)
const upstream = checked('upstream', z.strictObject({ url: z.string(), retries: z.number().optional() }))

/** Another validator's, with its own words. */
const fruit: Schema<{ readonly kind: string }> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: (value) => {
      const kind: unknown = Reflect.get(Object(value), 'kind')
      return kind === 'apple'
        ? { value: { kind } }
        : {
            issues: [
              { message: 'must be an apple', path: [{ key: 'kind' }] },
              { message: 'no fruit at all' },
            ],
          }
    },
  },
}
const slow: Schema<object> = {
  '~standard': { version: 1, vendor: 'by hand', validate: async () => Promise.reject(new Error('too late')) },
}
const strict: Schema<RegExp> = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate: (value) => ({ value: new RegExp(String(Reflect.get(Object(value), 'pattern'))) }),
  },
}
const { call: _call, ...page } = probe('page')
const { http: _http, ...job } = probe('job')
const plugins = [
  cache,
  limit,
  upstream,
  page,
  job,
  checked('fruit', fruit),
  checked('slow', slow),
  checked('strict', strict),
]
const installed = 'cache, limit, upstream, page, job, fruit, slow, strict'

/** The mistake is in the one rule of the table. */
const rule = (rules: unknown): object => ({ plugins, routes: { 'GET /a': rules } })
/** The mistake is in the pattern. */
const pattern = (source: string): object => ({ plugins, routes: { [source]: {} } })
const callPattern = (source: string): object => ({ plugins, calls: { [source]: {} } })

const methods = 'expected methods such as "GET" or "GET,POST" before the path, or none for every method'
const path = 'expected a path that starts with "/", after optional methods, as in "GET /cities/:id"'
const name = 'expected a name such as ":id", the whole of its part'
const dotted = 'expected a dotted name such as "city.find" or "city.*"'

interface Mistake {
  readonly name: string
  readonly options: unknown
  readonly message: string
}

const mistakes: readonly Mistake[] = [
  // The options.
  {
    name: 'no options',
    options: undefined,
    message: 'millrace(): expected an object of options, got nothing',
  },
  { name: 'null for options', options: null, message: 'millrace(): expected an object of options, got null' },
  {
    name: 'an unknown option',
    options: { plugins, routs: {} },
    message:
      'millrace(): unknown option "routs"; did you mean "routes"? (options: plugins, routes, calls, clock)',
  },
  {
    name: 'two unknown options',
    options: { plugins, table: {}, x: 1 },
    message:
      'millrace(): unknown option "table" (options: plugins, routes, calls, clock)\n' +
      'millrace(): unknown option "x" (options: plugins, routes, calls, clock)',
  },
  { name: 'no plugins', options: {}, message: 'plugins: expected an array of plugins, got nothing' },
  {
    name: 'plugins by their names',
    options: { plugins: { cache: true } },
    message: 'plugins: expected an array of plugins, got {"cache":true}',
  },
  {
    name: 'null for the table',
    options: { plugins, routes: null },
    message: 'routes: expected an object of patterns and their rules, got null',
  },
  {
    name: 'a list for the table',
    options: { plugins, routes: [] },
    message: 'routes: expected an object of patterns and their rules, got []',
  },
  {
    name: 'a file name for the table',
    options: { plugins, routes: 'routes.yaml' },
    message: 'routes: expected an object of patterns and their rules, got "routes.yaml"',
  },
  {
    name: 'a number for the calls',
    options: { plugins, calls: 5 },
    message: 'calls: expected an object of patterns and their rules, got 5',
  },

  // The plugins.
  {
    name: 'a factory that was not called',
    options: { plugins: [() => cache] },
    message: 'plugins[0]: expected a plugin such as timing(), got a function',
  },
  {
    name: 'a gap in the list of plugins',
    options: { plugins: [cache, undefined] },
    message: 'plugins[1]: expected a plugin such as timing(), got nothing',
  },
  {
    name: 'a plugin without a name',
    options: { plugins: [{ ...cache, name: undefined }] },
    message: 'plugins[0].name: expected a name such as "cache", got nothing',
  },
  {
    name: 'a plugin with a name that is none',
    options: { plugins: [probe('my cache')] },
    message: 'plugins[0].name: expected a name such as "cache", got "my cache"',
  },
  {
    name: 'two plugins of one name',
    options: { plugins: [cache, limit, cache] },
    message: 'plugins[2]: a plugin named "cache" is installed already; give one of them another name',
  },
  {
    name: 'a stage that there is not',
    options: { plugins: [{ ...cache, stage: 'middle' }] },
    message: 'plugins[0].stage: expected one of observe, admit, shape, store, gather, protect, got "middle"',
  },
  {
    name: 'a rule that is no schema',
    options: { plugins: [{ ...cache, rule: { ttl: 'string' } }] },
    message: 'plugins[0].rule: expected a Standard Schema, got {"ttl":"string"}',
  },
  {
    name: 'a plugin that does nothing',
    options: { plugins: [{ name: 'idle', stage: 'admit', rule: cache.rule }] },
    message: 'plugins[0]: plugin "idle" has neither http nor call, so nothing could switch it on',
  },

  // Patterns.
  { name: 'an empty pattern', options: pattern(''), message: `routes[""]: ${path}` },
  { name: 'a pattern without its slash', options: pattern('cities'), message: `routes.cities: ${path}` },
  { name: 'a method without a path', options: pattern('GET'), message: `routes.GET: ${path}` },
  {
    name: 'a method that there is not',
    options: pattern('GTE /a'),
    message: `routes["GTE /a"]: ${methods}, got "GTE"; did you mean "GET"?`,
  },
  {
    name: 'a method in lower case',
    options: pattern('get /a'),
    message: `routes["get /a"]: ${methods}, got "get"; did you mean "GET"?`,
  },
  { name: 'a star for the method', options: pattern('* /a'), message: `routes["* /a"]: ${methods}, got "*"` },
  {
    name: 'a space between methods',
    options: pattern('GET, PUT /a'),
    message: `routes["GET, PUT /a"]: ${methods}, got "GET, PUT /a"`,
  },
  {
    name: 'a method twice',
    options: pattern('GET,PUT,GET /a'),
    message: 'routes["GET,PUT,GET /a"]: the method GET stands twice',
  },
  {
    name: 'a space in the path',
    options: pattern('/a b'),
    message: 'routes["/a b"]: a path has no spaces; write "%20"',
  },
  {
    name: 'a query in the pattern',
    options: pattern('/a?page=1'),
    message: 'routes["/a?page=1"]: a pattern matches the path alone; remove what follows "?"',
  },
  {
    name: 'a fragment in the pattern',
    options: pattern('/a#top'),
    message: 'routes["/a#top"]: a pattern matches the path alone; remove what follows "#"',
  },
  { name: 'a doubled slash', options: pattern('/a//b'), message: 'routes["/a//b"]: "//" matches nothing' },
  {
    name: 'a dot segment',
    options: pattern('/a/../b'),
    message: 'routes["/a/../b"]: ".." is resolved by every client and matches nothing',
  },
  {
    name: 'an encoded dot segment',
    options: pattern('/%2e'),
    message: 'routes["/%2e"]: "%2e" is resolved by every client and matches nothing',
  },
  {
    name: 'a backslash',
    options: pattern('/a\\b'),
    message: 'routes["/a\\\\b"]: "\\" matches nothing, got "a\\\\b"',
  },
  {
    name: 'a broken encoding',
    options: pattern('/%zz'),
    message: 'routes["/%zz"]: "%zz" is not valid percent-encoding',
  },
  {
    name: 'a star inside a part',
    options: pattern('/a*'),
    message: 'routes["/a*"]: "*" and "**" stand for whole parts, got "a*"',
  },
  { name: 'two "**"', options: pattern('/**/a/**'), message: 'routes["/**/a/**"]: "**" may stand once' },
  {
    name: 'a name twice',
    options: pattern('/:id/:id'),
    message: 'routes["/:id/:id"]: the name ":id" stands twice',
  },
  { name: 'a name that is none', options: pattern('/:'), message: `routes["/:"]: ${name}, got ":"` },
  {
    name: 'an expression behind a name',
    options: pattern('/:id(\\d+)'),
    message: `routes["/:id(\\\\d+)"]: ${name}, got ":id(\\\\d+)"`,
  },
  {
    name: 'text behind a name',
    options: pattern('/:id.json'),
    message: `routes["/:id.json"]: ${name}, got ":id.json"`,
  },
  {
    name: 'a name behind text',
    options: pattern('/report-:id'),
    message:
      'routes["/report-:id"]: a ":name" is the whole of its part, got "report-:id"; a ":" itself is written "%3A"',
  },
  {
    name: 'an optional part',
    options: pattern('/a/:id?'),
    message: 'routes["/a/:id?"]: an optional part takes two patterns, one without it, got ":id?"',
  },
  {
    name: 'a part in braces',
    options: pattern('/{id}'),
    message: 'routes["/{id}"]: write ":id" for a part that varies, got "{id}"',
  },
  {
    name: 'the same path under other names',
    options: { plugins, routes: { '/a/:id': {}, '/A/:key/': {} } },
    message: 'routes["/A/:key/"]: matches the same requests as routes["/a/:id"]; say it in one rule',
  },
  {
    name: 'GET beside GET and HEAD',
    options: { plugins, routes: { 'GET /a': {}, 'GET,HEAD /a': {} } },
    message: 'routes["GET,HEAD /a"]: matches the same requests as routes["GET /a"]; say it in one rule',
  },
  {
    name: 'as many methods, one in common',
    options: { plugins, routes: { 'GET,POST /a': {}, 'POST,PUT /a': {} } },
    message:
      'routes["POST,PUT /a"]: is as specific for POST requests as routes["GET,POST /a"]; say it in one rule',
  },
  { name: 'an empty name of a call', options: callPattern(''), message: `calls[""]: ${dotted}` },
  {
    name: 'an empty part in the name of a call',
    options: callPattern('a..b'),
    message: `calls["a..b"]: ${dotted}`,
  },
  {
    name: 'a param in the name of a call',
    options: callPattern('city.:id'),
    message: 'calls["city.:id"]: a call has no params; write "*" for any one part',
  },
  {
    name: 'a star inside a part of a call',
    options: callPattern('city*'),
    message: 'calls["city*"]: "*" and "**" stand for whole parts, got "city*"',
  },

  // Rules.
  {
    name: 'null for a rule',
    options: rule(null),
    message: 'routes["GET /a"]: expected an object of plugin names and their rules, got null',
  },
  {
    name: 'a name for a rule',
    options: rule('cache'),
    message: 'routes["GET /a"]: expected an object of plugin names and their rules, got "cache"',
  },
  {
    name: 'a list for a rule',
    options: rule(['cache']),
    message: 'routes["GET /a"]: expected an object of plugin names and their rules, got ["cache"]',
  },
  {
    name: 'an unknown plugin with a name like another',
    options: rule({ cahce: true }),
    message: `routes["GET /a"].cahce: no plugin of that name is installed; did you mean "cache"? (installed: ${installed})`,
  },
  {
    name: 'an unknown plugin',
    options: rule({ breaker: true }),
    message: `routes["GET /a"].breaker: no plugin of that name is installed (installed: ${installed})`,
  },
  {
    name: 'a name that every object has',
    options: { plugins: [], routes: JSON.parse('{"/a":{"__proto__":true}}') },
    message: 'routes["/a"].__proto__: no plugin of that name is installed (installed: none)',
  },
  {
    name: 'a plugin for calls on a route',
    options: rule({ job: true }),
    message: 'routes["GET /a"].job: the plugin "job" works on calls, not on routes',
  },
  {
    name: 'a plugin for routes around a call',
    options: { plugins, calls: { 'city.*': { page: true } } },
    message: 'calls["city.*"].page: the plugin "page" works on routes, not on calls',
  },
  {
    name: 'null for a plugin with a short form',
    options: rule({ cache: null }),
    message: 'routes["GET /a"].cache: expected true, false, its short form or an object of options, got null',
  },
  {
    name: 'a list for a plugin without a short form',
    options: rule({ limit: [5] }),
    message: 'routes["GET /a"].limit: expected true, false or an object of options, got [5]',
  },

  // Options of plugins.
  {
    name: 'a wrong duration',
    options: rule({ cache: { ttl: '5 lightyears' } }),
    message:
      'routes["GET /a"].cache.ttl: expected a duration such as "5m" or 300 (seconds), got "5 lightyears"',
  },
  {
    name: 'a wrong duration in the short form',
    options: rule({ cache: 'soon' }),
    message: 'routes["GET /a"].cache.ttl: expected a duration such as "5m" or 300 (seconds), got "soon"',
  },
  {
    name: 'a negative duration',
    options: rule({ cache: { ttl: -1 } }),
    message: 'routes["GET /a"].cache.ttl: expected a duration such as "5m" or 300 (seconds), got -1',
  },
  {
    name: 'a wrong size',
    options: rule({ cache: { maxBodySize: '5 litres' } }),
    message:
      'routes["GET /a"].cache.maxBodySize: expected a size such as "64mb" or 1048576 (bytes), got "5 litres"',
  },
  {
    name: 'an unknown option of a plugin, like another',
    options: rule({ cache: { tll: '5m' } }),
    message:
      'routes["GET /a"].cache.tll: unknown option; did you mean "ttl"? (options: ttl, maxBodySize, tags, stale, key, vary)',
  },
  {
    name: 'an unknown option that every object has',
    options: { plugins, routes: JSON.parse('{"/a":{"cache":{"__proto__":{}}}}') },
    message:
      'routes["/a"].cache.__proto__: unknown option (options: ttl, maxBodySize, tags, stale, key, vary)',
  },
  {
    name: 'an unknown option inside an option',
    options: rule({ cache: { vary: { header: 'x', mod: 'any' } } }),
    message: 'routes["GET /a"].cache.vary.mod: unknown option; did you mean "mode"? (options: header, mode)',
  },
  {
    name: 'an option inside an option left out',
    options: rule({ cache: { vary: {} } }),
    message: 'routes["GET /a"].cache.vary.header: expected string, got nothing',
  },
  {
    name: 'none of the values of an option',
    options: rule({ cache: { vary: { header: 'x', mode: 'some' } } }),
    message: 'routes["GET /a"].cache.vary.mode: expected one of "any"|"all", got "some"',
  },
  {
    name: 'a wrong item',
    options: rule({ cache: { tags: ['a', 5] } }),
    message: 'routes["GET /a"].cache.tags[1]: expected string, got 5',
  },
  {
    name: 'an item for a list',
    options: rule({ cache: { tags: 'a' } }),
    message: 'routes["GET /a"].cache.tags: expected array, got "a"',
  },
  {
    name: 'a word for a switch',
    options: rule({ cache: { stale: 'yes' } }),
    message: 'routes["GET /a"].cache.stale: expected boolean, got "yes"',
  },
  {
    name: 'a word for a function',
    options: rule({ cache: { key: 'id' } }),
    message: 'routes["GET /a"].cache.key: expected a function, got "id"',
  },
  {
    name: 'null for an option',
    options: rule({ limit: { max: null } }),
    message: 'routes["GET /a"].limit.max: expected number, got null',
  },
  {
    name: 'too small a number',
    options: rule({ limit: { max: 0 } }),
    message: 'routes["GET /a"].limit.max: expected number to be >=1, got 0',
  },
  {
    name: 'too large a number',
    options: rule({ limit: { max: 1e6 } }),
    message: 'routes["GET /a"].limit.max: expected number to be <=1000, got 1000000',
  },
  {
    name: 'a part of a number',
    options: rule({ limit: { max: 1.5 } }),
    message: 'routes["GET /a"].limit.max: expected int, got 1.5',
  },
  {
    name: 'no number',
    options: rule({ limit: { max: Number.NaN } }),
    message: 'routes["GET /a"].limit.max: expected number, got NaN',
  },
  {
    name: 'too short a text',
    options: rule({ limit: { only: '' } }),
    message: 'routes["GET /a"].limit.only: expected string to have >=1 characters, got ""',
  },
  {
    name: 'none of several kinds',
    options: rule({ limit: { burst: true } }),
    message: 'routes["GET /a"].limit.burst: expected number or "all", got true',
  },
  {
    name: 'what makes the schema throw',
    options: rule({ strict: { pattern: '(' } }),
    message:
      'routes["GET /a"].strict: Invalid regular expression: /(/: Unterminated group, got {"pattern":"("}',
  },
  {
    // zod tries again later what has thrown.
    name: 'what makes a schema of zod throw',
    options: rule({ limit: { skip: '(' } }),
    message:
      'routes["GET /a"].limit: the rule schema of plugin "limit" answers later, or throws; it must answer at once',
  },
  {
    name: 'options that do not go together',
    options: rule({ limit: { min: 5, max: 3 } }),
    message: 'routes["GET /a"].limit: expected min to be at most max, got {"min":5,"max":3}',
  },
  {
    name: 'options of two rules that do not go together',
    options: { plugins, routes: { '/**': { limit: { max: 3 } }, '/a': { limit: { min: 5 } } } },
    message:
      'routes["/a"].limit: expected min to be at most max, got {"max":3,"min":5} (together with routes["/**"])',
  },
  {
    name: 'a required option left out',
    options: rule({ upstream: true }),
    message: 'routes["GET /a"].upstream.url: expected string, got nothing',
  },
  {
    name: 'a required option that no rule says',
    options: { plugins, routes: { '/a/b': { upstream: { retries: 1 } }, '/a/**': { upstream: {} } } },
    message:
      'routes["/a/**"].upstream.url: expected string, got nothing\n' +
      'routes["/a/b"].upstream.url: expected string, got nothing',
  },
  {
    name: 'a long value',
    options: rule({ cache: { ttl: 'x'.repeat(200) } }),
    message: `routes["GET /a"].cache.ttl: expected a duration such as "5m" or 300 (seconds), got "${'x'.repeat(76)}...`,
  },

  // Schemas of another kind.
  {
    name: "another validator's words",
    options: rule({ fruit: { kind: 'pear' } }),
    message: 'routes["GET /a"].fruit.kind: must be an apple, got "pear"',
  },
  {
    name: "another validator's words on the whole",
    options: rule({ fruit: true }),
    message:
      'routes["GET /a"].fruit.kind: must be an apple, got nothing\nroutes["GET /a"].fruit: no fruit at all, got {}',
  },
  {
    name: 'a schema that takes its time',
    options: rule({ slow: true }),
    message:
      'routes["GET /a"].slow: the rule schema of plugin "slow" answers later, or throws; it must answer at once',
  },

  // Everything at once.
  {
    name: 'many mistakes',
    options: {
      plugins,
      routes: {
        '/:id/:id': { cahce: true },
        'GET /a': { cache: { ttl: 'x', tags: 5 }, limit: 5 },
        '/b': [],
      },
      calls: { 'a.*': { page: true } },
    },
    message: [
      `routes["/:id/:id"].cahce: no plugin of that name is installed; did you mean "cache"? (installed: ${installed})`,
      'routes["/:id/:id"]: the name ":id" stands twice',
      'routes["GET /a"].cache.ttl: expected a duration such as "5m" or 300 (seconds), got "x"',
      'routes["GET /a"].cache.tags: expected array, got 5',
      'routes["GET /a"].limit: expected true, false or an object of options, got 5',
      'routes["/b"]: expected an object of plugin names and their rules, got []',
      'calls["a.*"].page: the plugin "page" works on routes, not on calls',
    ].join('\n'),
  },
]

describe('a mistake in the configuration', () => {
  for (const { name, options, message } of mistakes) {
    it(name, () => {
      assert.throws(
        () => make(options),
        (error) => {
          assert.ok(error instanceof ConfigError)
          assert.equal(error.message, message)
          assert.deepEqual(error.problems, message.split('\n'))
          assert.equal(error.code, 'ERR_MILLRACE_CONFIG')
          return true
        },
      )
    })
  }

  it('is told of a function that is wrapped, too', () => {
    const mill = make({ plugins, calls: { 'a.*': { limit: { max: 3 } } } })
    const wrap = (...args: readonly unknown[]): unknown => Reflect.apply(mill.wrap, mill, args)
    const fn = (): number => 1
    const told: readonly (readonly [args: readonly unknown[], message: string])[] = [
      [['a.*', fn], 'wrap("a.*"): expected a dotted name such as "city.find", without "*"'],
      [['', fn], 'wrap(""): expected a dotted name such as "city.find", without "*"'],
      [[fn], 'wrap(a function): expected a function, got nothing'],
      [[5, fn], 'wrap(5): expected a dotted name such as "city.find", without "*"'],
      [['a.b', 'fn'], 'wrap("a.b"): expected a function, got "fn"'],
      [['a.b', fn, null], 'wrap("a.b"): expected an object of plugin names and their rules, got null'],
      [['a.b', fn, { page: true }], 'wrap("a.b").page: the plugin "page" works on routes, not on calls'],
      [['a.b', fn, { limit: { max: 0 } }], 'wrap("a.b").limit.max: expected number to be >=1, got 0'],
      [
        ['a.b', fn, { limit: { min: 5 } }],
        'wrap("a.b").limit: expected min to be at most max, got {"max":3,"min":5} (together with calls["a.*"])',
      ],
    ]
    for (const [args, message] of told) assert.throws(() => wrap(...args), { name: 'ConfigError', message })
  })

  it('is told of inline rules, too', () => {
    const mill = make({ plugins })
    const use = (rules: unknown): unknown => Reflect.apply(mill.inline, mill, [rules])
    assert.throws(() => use({ cache: 'soon' }), {
      name: 'ConfigError',
      message:
        'use({"cache":"soon"}).cache.ttl: expected a duration such as "5m" or 300 (seconds), got "soon"',
    })
    assert.throws(() => use('10m'), {
      message: 'use("10m"): expected an object of plugin names and their rules, got "10m"',
    })
  })

  it('is told of a change of the table, too', () => {
    const mill = make({ plugins })
    const configure = (change: unknown): unknown => Reflect.apply(mill.configure, mill, [change])
    assert.throws(() => configure(null), { message: 'configure(): expected an object of options, got null' })
    assert.throws(() => configure({ plugins: [] }), {
      message: 'configure(): unknown option "plugins" (options: routes, calls)',
    })
    assert.throws(() => configure({ routes: null }), {
      message: 'routes: expected an object of patterns and their rules, got null',
    })
  })
})

describe('no mistake', () => {
  it('is a schema of another kind that is content', () => {
    assert.doesNotThrow(() => make(rule({ fruit: { kind: 'apple' } })))
  })

  it('is what only looks like one', () => {
    for (const source of [
      '/',
      '/**',
      '/*',
      '/:a/*/**/b',
      'GET,POST /a',
      'GET   /a',
      '/wiki/Foo_(bar)',
      '/a%3Ab',
      '/a/',
      '/ü',
      'M-SEARCH /a',
    ])
      assert.doesNotThrow(() => make(pattern(source)), source)
    assert.doesNotThrow(() =>
      make({ plugins, routes: { 'GET /a': {}, 'POST /a': {}, '/a': {}, 'GET,POST /a': {} } }),
    )
    assert.doesNotThrow(() => make({ plugins, $schema: './millrace.schema.json', routes: {} }))
  })
})
