import type { Call } from './call.ts'
import type { Clock } from './clock.ts'
import { AmbiguousPathError, ConfigError } from './errors.ts'
import { compose, type Handler, type Layer } from './layer.ts'
import { type Matcher, matcher, TableTooComplexError } from './matcher.ts'
import { isPlain, readings } from './path.ts'
import {
  compareSpecificity,
  conflict,
  type Pattern,
  PatternError,
  parseCall,
  parseRoute,
  shape,
} from './pattern.ts'
import { Pipeline } from './pipeline.ts'
import type { AnyPlugin, Site } from './plugin.ts'
import {
  type Effective,
  isRecord,
  member,
  mergeRules,
  type Place,
  type Rule,
  readRule,
  show,
} from './rules.ts'

/** What is switched on around one call. */
export interface CallPlan {
  readonly effective: readonly Effective[]
  /** The patterns of the table that hold, from least to most specific. */
  readonly patterns: readonly string[]
  around<A extends readonly unknown[], O>(handler: Handler<Call<A>, O>): Handler<Call<A>, O>
}

/**
 * One state of the configuration, complete and checked; `configure` replaces it by another as a whole.
 */
export class Table {
  readonly #plugins: ReadonlyMap<string, AnyPlugin>
  readonly #clock: Clock
  readonly #routes: Found
  readonly #calls: Found
  /** For each combination of routes. */
  readonly pipelines: readonly Pipeline[]
  readonly #unmatched: Pipeline

  /**
   * @param plugins in the order of their layers, the outermost first
   * @throws ConfigError naming every mistake
   */
  constructor(plugins: ReadonlyMap<string, AnyPlugin>, clock: Clock, routes: unknown, calls: unknown) {
    this.#plugins = plugins
    this.#clock = clock
    const problems: string[] = []
    const complain = (problem: string): void => {
      problems.push(...problem.split('\n'))
    }
    const routeRules = this.#read('route', 'routes', routes, parseRoute, complain)
    const callRules = this.#read('call', 'calls', calls, parseCall, complain)
    if (problems.length > 0) throw new ConfigError(problems)

    this.#routes = find(routeRules, '/', 'routes', complain)
    this.#calls = find(callRules, '.', 'calls', complain)
    const effects = [...this.#routes.combinations, ...this.#calls.combinations].map(({ rules }) =>
      mergeRules(rules, plugins.values(), complain),
    )
    if (problems.length > 0) throw new ConfigError([...new Set(problems)])

    this.#unmatched = Pipeline.fit('unmatched', clock, [], [])
    this.pipelines = this.#routes.combinations.map(({ patterns }, i) => {
      const site = patterns.at(-1)?.source
      return site === undefined ? this.#unmatched : Pipeline.fit(site, clock, patterns, effects[i] ?? [])
    })
  }

  /**
   * The pipeline for a request. Constant in the number of rules.
   *
   * @param path by `pathOf`
   * @throws AmbiguousPathError when routers and file servers would read the path differently and it matters
   */
  match(method: string, path: string): Pipeline {
    return isPlain(path) ? this.#at(path.toLowerCase(), method) : this.#settle(method, path)
  }

  #at(folded: string, method: string): Pipeline {
    return this.pipelines[this.#routes.matcher.find(folded, method)] ?? this.#unmatched
  }

  /** For a path that software reads in several ways. */
  #settle(method: string, path: string): Pipeline {
    const read = readings(path)
    if (!read) {
      const [only, another] = this.pipelines
      if (!only || another) throw new AmbiguousPathError()
      return only
    }
    const pipeline = this.#at(read.sent, method)
    for (const reading of read.others) {
      const other = this.#at(reading, method)
      if (other === pipeline) continue
      // An encoded "/" or letter in a parameter is honest as long as the decoded path falls under no rule of its own.
      if (read.hostile || other.patterns.some((pattern) => !pipeline.patterns.includes(pattern))) {
        throw new AmbiguousPathError()
      }
    }
    return pipeline
  }

  /** @throws ConfigError */
  inline(name: string, raw: unknown, place: string): Pipeline {
    const { effective, own } = this.#inline({ kind: 'route', path: place }, raw, [])
    const off = [...own.says].flatMap(([plugin, said]) => (said === false ? [plugin] : []))
    return Pipeline.fit(name, this.#clock, [], effective, off)
  }

  /** @throws ConfigError */
  call(name: string, raw: unknown): CallPlan {
    const place = `wrap(${show(name)})`
    if (typeof name !== 'string' || !/^(?![:.])(?!.*[*])(?!.*\.[.:]).*[^.]$/.test(name)) {
      throw new ConfigError([`${place}: expected a dotted name such as "city.find", without "*"`])
    }
    const rules = this.#calls.combinations[this.#calls.matcher.find(name, '')]?.rules ?? []
    const { effective } = this.#inline({ kind: 'call', path: place }, raw, rules)
    const site: Site = { kind: 'call', name, clock: this.#clock }
    return {
      effective,
      patterns: rules.map((rule) => rule.source),
      around<A extends readonly unknown[], O>(handler: Handler<Call<A>, O>) {
        const layers = effective.flatMap((each): Layer<Call<A>, O>[] => {
          const layer = each.plugin.call?.(each.rule, site)
          return layer ? [layer] : []
        })
        return compose(layers, handler)
      },
    }
  }

  /** Every plugin that some rule of the table switches on. */
  used(): ReadonlySet<AnyPlugin> {
    const plugins = new Set<AnyPlugin>()
    for (const pipeline of this.pipelines) for (const plugin of pipeline.plugins) plugins.add(plugin)
    for (const { rules } of this.#calls.combinations)
      for (const rule of rules) for (const [plugin, said] of rule.says) if (said) plugins.add(plugin)
    return plugins
  }

  #inline(
    place: Place,
    raw: unknown,
    table: readonly Rule[],
  ): { readonly effective: readonly Effective[]; readonly own: Rule } {
    const problems: string[] = []
    const complain = (problem: string): void => {
      problems.push(...problem.split('\n'))
    }
    const own = readRule(place.path, raw, place, this.#plugins, complain)
    const effective = problems.length > 0 ? [] : mergeRules([...table, own], this.#plugins.values(), complain)
    if (problems.length > 0) throw new ConfigError(problems)
    return { effective, own }
  }

  #read(
    kind: Place['kind'],
    path: string,
    raw: unknown,
    parse: (source: string) => Pattern,
    complain: (problem: string) => void,
  ): readonly (readonly [Pattern, Rule])[] {
    if (!isRecord(raw)) {
      complain(`${path}: expected an object of patterns and their rules, got ${show(raw)}`)
      return []
    }
    const read: (readonly [Pattern, Rule])[] = []
    const byShape = new Map<string, Pattern[]>()
    for (const [source, value] of Object.entries(raw)) {
      const place = member(path, source)
      const rule = readRule(source, value, { kind, path: place }, this.#plugins, complain)
      try {
        const pattern = parse(source)
        const peers = byShape.get(shape(pattern)) ?? []
        for (const peer of peers) {
          const meets = conflict(pattern, peer)
          if (meets) complain(`${place}: ${meets} ${member(path, peer.source)}; say it in one rule`)
        }
        byShape.set(shape(pattern), [...peers, pattern])
        read.push([pattern, rule])
      } catch (error) {
        if (!(error instanceof PatternError)) throw error
        complain(`${place}: ${error.message}`)
      }
    }
    return read
  }
}

/** Patterns that hold together for some request, from least to most specific, and what they say. */
interface Combination {
  readonly patterns: readonly Pattern[]
  readonly rules: readonly Rule[]
}

interface Found {
  readonly matcher: Matcher
  /** For each set of the matcher. */
  readonly combinations: readonly Combination[]
}

const find = (
  read: readonly (readonly [Pattern, Rule])[],
  separator: '/' | '.',
  path: string,
  complain: (problem: string) => void,
): Found => {
  const ruleOf = new Map([...read].sort(([a], [b]) => compareSpecificity(a, b)))
  try {
    const found = matcher([...ruleOf.keys()], separator)
    const combinations = found.sets.map((patterns) => ({
      patterns,
      rules: patterns.flatMap((pattern) => ruleOf.get(pattern) ?? []),
    }))
    return { matcher: found, combinations }
  } catch (error) {
    if (!(error instanceof TableTooComplexError)) throw error
    complain(`${path}: ${error.message}`)
    return { matcher: matcher([], separator), combinations: [] }
  }
}
