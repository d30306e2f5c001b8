import { closest } from './closest.ts'
import type { AnyPlugin, RuleTypes } from './plugin.ts'
import type { Params } from './exchange.ts'
import type { SchemaIssue } from './schema.ts'

/** What one rule says to the plugins by their names, not yet checked. */
export type RawRules = Readonly<Record<string, unknown>>

/** The names and the rule types of the installed plugins: what may stand on the right side of a rule. */
export type RouteRules<P extends readonly AnyPlugin[], Path extends string = string> = {
  readonly [Each in P[number] as Each['name']]?: boolean | RouteInput<InputOf<Each>, ParamsOf<Path>>
}

/** The same around a function with the arguments `A`. */
export type CallRules<P extends readonly AnyPlugin[], A extends readonly unknown[] = readonly unknown[]> = {
  readonly [Each in P[number] as Each['name']]?: boolean | CallInput<InputOf<Each>, A>
}

/** The `:name`s of a pattern, as the type of its params. */
export type ParamsOf<Path extends string> = string extends Path ? Params : { readonly [Name in ParamNames<Path>]: string }

type ParamNames<Path extends string> = Path extends `${infer Head}/${infer Rest}`
  ? ParamNames<Head> | ParamNames<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never

type InputOf<Each> = Each extends { readonly '~input'?: infer Input } ? NonNullable<Input> : never
type RouteInput<Input, P> = Input extends RuleTypes ? (Input & { readonly params: P })['route'] : Input
type CallInput<Input, A> = Input extends RuleTypes ? (Input & { readonly args: A })['call'] : Input

/** One rule of the table, checked: for each plugin that it names, options, or `false` for off. */
export interface Rule {
  /** Where the rule stands, for messages and `explain`: the pattern, a call pattern, or "inline". */
  readonly source: string
  readonly says: ReadonlyMap<AnyPlugin, Readonly<Record<string, unknown>> | false>
}

/** What several rules together say to one plugin. */
export interface Effective {
  readonly plugin: AnyPlugin
  /** What the plugin's schema made of the options. */
  readonly rule: unknown
  readonly options: Readonly<Record<string, unknown>>
  /** For each option the `source` of the rule that said it. */
  readonly from: Readonly<Record<string, string>>
  /** The most specific rule that switched the plugin on. */
  readonly source: string
}

/** Where a rule may stand: decides which half of a plugin it needs. */
export type Place = { readonly kind: 'route' | 'call'; readonly path: string }

/**
 * Checks one rule against the installed plugins.
 *
 * @param complain is told of each mistake, as `place: what was expected, what was given`
 */
export const readRule = (
  source: string,
  raw: unknown,
  place: Place,
  plugins: ReadonlyMap<string, AnyPlugin>,
  complain: (problem: string) => void,
): Rule => {
  const says = new Map<AnyPlugin, Readonly<Record<string, unknown>> | false>()
  if (!isRecord(raw)) {
    complain(`${place.path}: expected an object of plugin names and their rules, got ${show(raw)}`)
    return { source, says }
  }
  for (const [name, value] of Object.entries(raw)) {
    const plugin = plugins.get(name)
    const at = member(place.path, name)
    if (!plugin) {
      const near = closest(name, plugins.keys())
      complain(`${at}: no plugin of that name is installed${near ? `; did you mean "${near}"?` : ''} (installed: ${list(plugins.keys())})`)
    } else if (value === false) says.set(plugin, false)
    else if (value !== undefined) {
      if (place.kind === 'route' ? !plugin.http : !plugin.call) {
        complain(`${at}: the plugin "${name}" works on ${place.kind === 'route' ? 'calls, not on routes' : 'routes, not on calls'}`)
        continue
      }
      const options = optionsOf(plugin, value)
      if (!options) {
        complain(`${at}: expected true, false${plugin.shorthand ? ', a short form' : ''} or an object of options, got ${show(value)}`)
        continue
      }
      says.set(plugin, options)
      parse(plugin, options, (option) => at + option, complain)
    }
  }
  return { source, says }
}

/**
 * What rules together say, from least to most specific, option by option. `false` switches off and forgets what less
 * specific rules said.
 */
export const mergeRules = (
  rules: readonly Rule[],
  plugins: Iterable<AnyPlugin>,
  complain: (problem: string) => void,
): readonly Effective[] => {
  const effective: Effective[] = []
  for (const plugin of plugins) {
    let options: Record<string, unknown> | undefined
    let from: Record<string, string> = {}
    let source = ''
    for (const rule of rules) {
      const said = rule.says.get(plugin)
      if (said === undefined) continue
      source = rule.source
      if (said === false) {
        options = undefined
        from = {}
        continue
      }
      options = { ...options, ...said }
      for (const option of Object.keys(said)) from[option] = rule.source
    }
    if (!options) continue
    const parsed = parse(plugin, options, (option) => `${source} (merged from ${list(new Set(Object.values(from)))}): ${plugin.name}${option}`, complain)
    if (parsed) effective.push({ plugin, rule: parsed.value, options, from, source })
  }
  return effective
}

const optionsOf = (plugin: AnyPlugin, value: unknown): Readonly<Record<string, unknown>> | undefined => {
  if (value === true) return {}
  if (isRecord(value)) return defined(value)
  const options = plugin.shorthand?.(value)
  return options && defined({ ...options })
}

const defined = (options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const parse = (
  plugin: AnyPlugin,
  options: Readonly<Record<string, unknown>>,
  place: (option: string) => string,
  complain: (problem: string) => void,
): { readonly value: unknown } | undefined => {
  const result = plugin.rule['~standard'].validate(options)
  if (result instanceof Promise) {
    complain(`${place('')}: the rule schema of plugin "${plugin.name}" is asynchronous; it must answer at once`)
    return undefined
  }
  if (!result.issues) return { value: result.value }
  for (const issue of result.issues) complain(describe(plugin, options, issue, place))
  return undefined
}

/** `routes["GET /x"].cache.ttl: expected ..., got ...`, whatever the validator's own wording. */
const describe = (
  plugin: AnyPlugin,
  options: Readonly<Record<string, unknown>>,
  issue: SchemaIssue,
  place: (option: string) => string,
): string => {
  const keys = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
  const at = place(keys.reduce<string>((path, key) => member(path, key), ''))
  const unknown = /^unrecognized keys?: (.+)$/i.exec(issue.message)
  if (unknown) {
    const known = keys.length === 0 ? knownOptions(plugin) : []
    const names = [...(unknown[1] ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')
    return names
      .map((name) => {
        const near = closest(name, known)
        const hint = near ? `; did you mean "${near}"?` : ''
        return `${member(at, name)}: unknown option${hint}${known.length > 0 ? ` (options: ${list(known)})` : ''}`
      })
      .join('\n')
  }
  const value = keys.reduce<unknown>((inside, key) => (isRecord(inside) || Array.isArray(inside) ? Reflect.get(inside, key) : undefined), options)
  const wanted = issue.message.replace(/^invalid (?:input|option): /i, '').replace(/, received .*$/i, '')
  return `${at}: ${wanted}${value === undefined ? '' : `, got ${show(value)}`}`
}

const knownOptions = (plugin: AnyPlugin): readonly string[] => {
  const properties = describeOptions(plugin)?.['properties']
  return isRecord(properties) ? Object.keys(properties) : []
}

/** The JSON Schema of a plugin's options, where its schema can tell. */
export const describeOptions = (plugin: AnyPlugin): Readonly<Record<string, unknown>> | undefined =>
  plugin.rule['~standard'].jsonSchema?.input({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } })

/** A value as it stands in a message: short, one line. */
export const show = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'number') return String(value)
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** `path.key` or `path["other key"]`. */
export const member = (path: string, key: PropertyKey): string =>
  typeof key === 'number' ? `${path}[${key}]` : /^[A-Za-z_$][\w$]*$/.test(String(key)) ? `${path}.${String(key)}` : `${path}[${JSON.stringify(String(key))}]`

const list = (names: Iterable<string>): string => [...names].join(', ') || 'none'

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
