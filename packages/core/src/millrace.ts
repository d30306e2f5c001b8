import { Bindings } from './bindings.ts'
import { type Call, FreshCall } from './call.ts'
import { type Clock, systemClock } from './clock.ts'
import { closest } from './closest.ts'
import { ConfigError, UnmountedError } from './errors.ts'
import type { Inject, RequestHeaders } from './exchange.ts'
import { type Explanation, explain } from './explain.ts'
import { type HealthReport, healthOf } from './health.ts'
import { tableSchema } from './json-schema.ts'
import type { Handler } from './layer.ts'
import { Lifecycle } from './lifecycle.ts'
import { pathOf } from './path.ts'
import type { Pipeline } from './pipeline.ts'
import type { AnyPlugin, ControlsOf } from './plugin.ts'
import { type CallRules, isRecord, type RouteRules, show } from './rules.ts'
import { stages } from './stage.ts'
import { Table } from './table.ts'
import { warn } from './trouble.ts'

/** The left sides are patterns; the right sides accept exactly the installed plugins' names and rule types. */
export type Routes<P extends readonly AnyPlugin[], R> = {
  readonly [Path in keyof R]: RouteRules<P, Path & string>
}

export interface MillraceOptions<P extends readonly AnyPlugin[], R> {
  /** What can be switched on. Inside a stage the first is the outermost. */
  readonly plugins: P
  /** What is switched on for which requests. */
  readonly routes?: Routes<P, R>
  /** What is switched on around which wrapped functions, by name: `city.find`, `city.*`, `**`. */
  readonly calls?: Readonly<Record<string, CallRules<P>>>
  /** Default: the system's. */
  readonly clock?: Clock
}

/** A wrapped function runs with its call as `this`, so that it can see `this.signal`. */
export type Wrappable<A extends unknown[], O> = (this: Call<A>, ...args: A) => O | PromiseLike<O>

/** The composition root: plugins, route table, wrapped calls. */
export interface Millrace<P extends readonly AnyPlugin[] = readonly AnyPlugin[]> {
  readonly clock: Clock
  /** What is installed, in the order of the layers. */
  readonly plugins: readonly AnyPlugin[]
  /** The plugins around a function. Rules given here are more specific than any of `calls`. @throws ConfigError */
  wrap<A extends unknown[], O>(
    name: string,
    fn: Wrappable<A, O>,
    rules?: CallRules<P, A>,
  ): (...args: A) => Promise<O>
  /**
   * Replaces the table, all or nothing, while requests are running; those that have begun finish under the old one.
   * What is not given stays. @throws ConfigError and changes nothing
   */
  configure<const R extends Readonly<Record<string, unknown>>>(change: {
    readonly routes?: Routes<P, R>
    readonly calls?: Readonly<Record<string, CallRules<P>>>
  }): void
  /**
   * What holds for a request and which rule said so; and what plugins would do with this very one.
   *
   * @param target path, and query if it has one
   * @param headers lower-case names
   */
  explain(method: string, target: string, headers?: RequestHeaders): Explanation
  /** What holds for a wrapped function of that name by the table. */
  explainCall(name: string): Explanation
  /** What holds for requests of every kind that the table tells apart. Without params: no request is asked about. */
  explainTable(): readonly Explanation[]
  /** The JSON Schema of a table file `{ routes, calls }` for the installed plugins. */
  schema(): Readonly<Record<string, unknown>>
  /** The state of every plugin, as plain data. */
  inspect(): Inspection
  /** The worst of the plugins' states. A plugin that does not answer within a second is down. */
  health(): Promise<HealthReport>
  /** Starts every plugin, once. Adapters call it too. Rejects with the first plugin's error, the others stopped again. */
  start(): Promise<void>
  /** Stops what was started, innermost first; a plugin that does not stop within ten seconds is left behind. */
  stop(): Promise<void>
  /** For adapters: the pipeline of a request. @throws AmbiguousPathError */
  match(method: string, target: string): Pipeline
  /** For adapters: how a request of Millrace's own gets to the whole app. The last one that is told holds. */
  mounted(inject: Inject): void
  /** For adapters: a pipeline for one place in the host's own routing. @throws ConfigError */
  inline(rules: RouteRules<P>): () => Pipeline
}

export interface Inspection {
  readonly plugins: Readonly<Record<string, unknown>>
  readonly routes: readonly string[]
  readonly calls: readonly string[]
  /** Installed, but switched on nowhere. */
  readonly unused: readonly string[]
}

/**
 * @throws ConfigError naming every mistake: its place, what was expected, what was given.
 */
export function millrace<
  const P extends readonly AnyPlugin[],
  const R extends Readonly<Record<string, unknown>> = Record<never, never>,
>(options: MillraceOptions<P, R>): Millrace<P> & ControlsOf<P> {
  checkOptions('millrace()', options, ['plugins', 'routes', 'calls', 'clock'])
  const clock = options.clock ?? systemClock
  const plugins = inOrder(options.plugins)
  let routes: unknown = options.routes === undefined ? {} : options.routes
  let calls: unknown = options.calls === undefined ? {} : options.calls
  let table = new Table(plugins, clock, routes, calls)
  const installed = [...plugins.values()]
  for (const plugin of installed) plugin.joined?.(installed)
  let inject: Inject = () => Promise.reject(new UnmountedError())
  const lifecycle = new Lifecycle(plugins.values(), clock, (request) => inject(request))
  const bindings = new Bindings()
  let inlines = 0
  const usedInline = new Set<AnyPlugin>()

  const unused = (): readonly string[] => {
    const used = table.used()
    return [...plugins.values()]
      .filter((plugin) => !used.has(plugin) && !usedInline.has(plugin))
      .map((plugin) => plugin.name)
  }

  const mill: Millrace<P> = {
    clock,
    plugins: installed,
    wrap<A extends unknown[], O>(
      name: string,
      fn: Wrappable<A, O>,
      rules: CallRules<P, A> = {},
    ): (...args: A) => Promise<O> {
      if (typeof fn !== 'function')
        throw new ConfigError([`wrap(${show(name)}): expected a function, got ${show(fn)}`])
      const bind = (from: Table): Handler<Call<A>, O> => {
        const plan = from.call(name, rules)
        for (const each of plan.effective) usedInline.add(each.plugin)
        return plan.around<A, O>(async (call) => fn.apply(call, call.args))
      }
      const binding = bindings.add(bind, table)
      return (...args) => binding.run(new FreshCall(name, args))
    },
    configure(change) {
      checkOptions('configure()', change, ['routes', 'calls'])
      const nextRoutes = change.routes === undefined ? routes : change.routes
      const nextCalls = change.calls === undefined ? calls : change.calls
      const next = new Table(plugins, clock, nextRoutes, nextCalls)
      bindings.follow(next)
      table = next
      routes = nextRoutes
      calls = nextCalls
    },
    explain: (asked, target, headers = {}) => {
      const method = asked.toUpperCase()
      const pipeline = table.match(method, pathOf(target))
      const patterns = pipeline.patterns.map((pattern) => pattern.source)
      const params = pipeline.params(pathOf(target))
      const question = { method, target, headers, params }
      return explain(pipeline.site.name, patterns, pipeline.effective, params, question)
    },
    explainCall(name) {
      const { patterns, effective } = table.call(name, {})
      return explain(name, patterns, effective, {})
    },
    explainTable: () =>
      table.pipelines.map(({ site, patterns, effective }) =>
        explain(
          site.name,
          patterns.map((pattern) => pattern.source),
          effective,
          {},
        ),
      ),
    schema: () => tableSchema(plugins.values()),
    inspect: () => ({
      plugins: Object.fromEntries(
        [...plugins.values()].map((plugin) => [plugin.name, plugin.inspect?.() ?? {}]),
      ),
      routes: isRecord(routes) ? Object.keys(routes) : [],
      calls: isRecord(calls) ? Object.keys(calls) : [],
      unused: unused(),
    }),
    health: () => healthOf(plugins.values(), clock),
    async start() {
      const first = !lifecycle.started
      await lifecycle.start()
      if (!first) return
      for (const name of unused()) {
        warn({
          code: 'MILLRACE_UNUSED_PLUGIN',
          message: `plugin "${name}" is installed but switched on nowhere`,
        })
      }
    },
    stop: () => lifecycle.stop(),
    match: (method, target) => table.match(method, pathOf(target)),
    mounted(toApp) {
      inject = toApp
    },
    inline(rules) {
      const name = `inline ${++inlines}`
      const pipeline = table.inline(name, rules, `use(${show(rules)})`)
      for (const plugin of pipeline.plugins) usedInline.add(plugin)
      return () => pipeline
    },
  }
  return withControls(mill, plugins.values())
}

/** @throws ConfigError when a plugin is named like something that is there already */
const withControls = <P extends readonly AnyPlugin[]>(
  mill: Millrace<P>,
  plugins: Iterable<AnyPlugin>,
): Millrace<P> & ControlsOf<P> => {
  const controls: Record<string, object> = {}
  for (const plugin of plugins) {
    if (plugin.controls === undefined) continue
    if (plugin.name in mill)
      throw new ConfigError([
        `plugins: "${plugin.name}" is a name of Millrace's own; give the plugin another one`,
      ])
    controls[plugin.name] = plugin.controls
  }
  return Object.assign(mill, controls as ControlsOf<P>)
}

/** @throws ConfigError when there is something that nobody would read */
const checkOptions = (place: string, given: unknown, known: readonly string[]): void => {
  if (!isRecord(given)) throw new ConfigError([`${place}: expected an object of options, got ${show(given)}`])
  const problems = Object.keys(given).flatMap((name) => {
    // A table file may name its schema.
    if (known.includes(name) || name === '$schema') return []
    const near = closest(name, known)
    return `${place}: unknown option ${show(name)}${near ? `; did you mean "${near}"?` : ''} (options: ${known.join(', ')})`
  })
  if (problems.length > 0) throw new ConfigError(problems)
}

/** Checks the plugins themselves, and sorts them as their layers stand. */
const inOrder = (plugins: readonly AnyPlugin[]): ReadonlyMap<string, AnyPlugin> => {
  const given: unknown = plugins
  if (!Array.isArray(given))
    throw new ConfigError([`plugins: expected an array of plugins, got ${show(given)}`])
  const problems: string[] = []
  const byName = new Map<string, AnyPlugin>()
  plugins.forEach((plugin, i) => {
    const place = `plugins[${i}]`
    if (!isRecord(plugin)) problems.push(`${place}: expected a plugin such as timing(), got ${show(plugin)}`)
    else if (typeof plugin.name !== 'string' || !/^[a-z][\w-]*$/i.test(plugin.name))
      problems.push(`${place}.name: expected a name such as "cache", got ${show(plugin.name)}`)
    else if (byName.has(plugin.name))
      problems.push(
        `${place}: a plugin named "${plugin.name}" is installed already; give one of them another name`,
      )
    else if (!stages.includes(plugin.stage))
      problems.push(`${place}.stage: expected one of ${stages.join(', ')}, got ${show(plugin.stage)}`)
    else if (typeof plugin.rule?.['~standard']?.validate !== 'function')
      problems.push(`${place}.rule: expected a Standard Schema, got ${show(plugin.rule)}`)
    else if (!plugin.http && !plugin.call)
      problems.push(
        `${place}: plugin "${plugin.name}" has neither http nor call, so nothing could switch it on`,
      )
    else byName.set(plugin.name, plugin)
  })
  if (problems.length > 0) throw new ConfigError(problems)
  return new Map([...byName].sort(([, a], [, b]) => stages.indexOf(a.stage) - stages.indexOf(b.stage)))
}
