import type { Clock } from './clock.ts'
import { AmbiguousPathError, ConfigError } from './errors.ts'
import { type Handler, type Layer, compose } from './layer.ts'
import { type Matcher, matcher, TableTooComplexError } from './matcher.ts'
import { readings } from './path.ts'
import { compareSpecificity, type Pattern, PatternError, parseCall, parseRoute, sameReach, shape } from './pattern.ts'
import { Pipeline } from './pipeline.ts'
import type { AnyPlugin, Site } from './plugin.ts'
import type { Call } from './call.ts'
import { type Effective, isRecord, member, mergeRules, type Place, type Rule, readRule, show } from './rules.ts'

/** What is switched on around one call. */
export interface CallPlan {
  readonly effective: readonly Effective[]
  around<A extends readonly unknown[], O>(handler: Handler<Call<A>, O>): Handler<Call<A>, O>
}

/**
 * One state of the configuration, complete and checked; `configure` replaces it by another as a whole.
 */
export class Table {
  readonly #plugins: ReadonlyMap<string, AnyPlugin>
  readonly #clock: Clock
  readonly #routes: Matcher<Pipeline>
  readonly #calls: Matcher<readonly Rule[]>

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

    const merge = (rules: readonly Rule[]): readonly Effective[] => mergeRules(rules, plugins.values(), complain)
    this.#routes = build(routeRules, '/', complain, (patterns, rules) =>
      Pipeline.fit(patterns.at(-1)?.source ?? unmatched, clock, patterns, problems.length > 0 ? [] : merge(rules)),
    )
    this.#calls = build(callRules, '.', complain, (_, rules) => {
      merge(rules)
      return rules
    })
    if (problems.length > 0) throw new ConfigError([...new Set(problems)])
  }

  /**
   * The pipeline for a request. Constant in the number of rules.
   *
   * @param path as sent
   * @throws AmbiguousPathError when routers and file servers would read the path differently and it matters
   */
  match(method: string, path: string): Pipeline {
    const { sent, resolved, hostile } = readings(path)
    const pipeline = this.#routes.find(sent, method)
    if (resolved === sent) return pipeline
    const other = this.#routes.find(resolved, method)
    if (other === pipeline) return pipeline
    // An encoded "/" or letter in a parameter is honest as long as the decoded path falls under no rule of its own.
    if (hostile || other.patterns.some((pattern) => !pipeline.patterns.includes(pattern))) throw new AmbiguousPathError()
    return pipeline
  }

  /** @throws ConfigError */
  inline(name: string, raw: unknown, place: string): Pipeline {
    const effective = this.#inline({ kind: 'route', path: place }, raw, [])
    return Pipeline.fit(name, this.#clock, [], effective)
  }

  /** @throws ConfigError */
  call(name: string, raw: unknown): CallPlan {
    const place = `wrap(${JSON.stringify(name)})`
    const effective = this.#inline({ kind: 'call', path: place }, raw, this.#calls.find(name, ''))
    const site: Site = { kind: 'call', name, clock: this.#clock }
    return {
      effective,
      around<A extends readonly unknown[], O>(handler: Handler<Call<A>, O>) {
        const layers = effective.flatMap((each): Layer<Call<A>, O>[] => {
          const layer = each.plugin.call?.<A, O>(each.rule, site)
          return layer ? [layer] : []
        })
        return compose(layers, handler)
      },
    }
  }

  /** Every plugin that some rule of the table switches on. */
  used(): ReadonlySet<AnyPlugin> {
    const plugins = new Set<AnyPlugin>()
    for (const pipeline of this.#routes.outcomes) for (const plugin of pipeline.plugins) plugins.add(plugin)
    for (const rules of this.#calls.outcomes) for (const rule of rules) for (const [plugin, said] of rule.says) if (said) plugins.add(plugin)
    return plugins
  }

  get pipelines(): readonly Pipeline[] {
    return this.#routes.outcomes
  }

  #inline(place: Place, raw: unknown, table: readonly Rule[]): readonly Effective[] {
    const problems: string[] = []
    const complain = (problem: string): void => {
      problems.push(...problem.split('\n'))
    }
    const own = readRule(place.path, raw, place, this.#plugins, complain)
    const effective = problems.length > 0 ? [] : mergeRules([...table, own], this.#plugins.values(), complain)
    if (problems.length > 0) throw new ConfigError(problems)
    return effective
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
        const twin = peers.find((peer) => sameReach(peer, pattern))
        if (twin) complain(`${place}: matches the same requests as ${member(path, twin.source)}; say it in one rule`)
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

/** The site name of a request that no rule matches. */
const unmatched = 'unmatched'

const build = <T>(
  read: readonly (readonly [Pattern, Rule])[],
  separator: '/' | '.',
  complain: (problem: string) => void,
  outcome: (patterns: readonly Pattern[], rules: readonly Rule[]) => T,
): Matcher<T> => {
  const sorted = [...read].sort(([a], [b]) => compareSpecificity(a, b))
  const ruleOf = new Map(sorted)
  const rulesOf = (patterns: readonly Pattern[]): readonly Rule[] => patterns.flatMap((pattern) => ruleOf.get(pattern) ?? [])
  try {
    return matcher([...ruleOf.keys()], separator, (patterns) => outcome(patterns, rulesOf(patterns)))
  } catch (error) {
    if (!(error instanceof TableTooComplexError)) throw error
    complain(error.message)
    return matcher([], separator, () => outcome([], []))
  }
}
