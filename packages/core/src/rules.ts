import { closest } from './closest.ts'
import type { Params } from './exchange.ts'
import type { AnyPlugin, RuleTypes } from './plugin.ts'
import type { Schema, SchemaIssue, SchemaResult } from './schema.ts'

/**
 * The names and the rule types of the installed plugins: what may stand on the right side of a rule. Mapped over the
 * names, because TypeScript gives functions in a rule no parameter types through a mapping with an `as` clause.
 */
export type RouteRules<P extends readonly AnyPlugin[], Path extends string = string> = {
  readonly [Name in P[number]['name']]?: boolean | RouteInput<InputOf<P, Name>, ParamsOf<Path>>
}

/** The same around a function with the arguments `A`. */
export type CallRules<P extends readonly AnyPlugin[], A extends readonly unknown[] = readonly unknown[]> = {
  readonly [Name in P[number]['name']]?: boolean | CallInput<InputOf<P, Name>, A>
}

/** The `:name`s of a pattern, as the type of its params. */
export type ParamsOf<Path extends string> = string extends Path
  ? Params
  : { readonly [Name in ParamNames<Path>]: string }

type ParamNames<Path extends string> = Path extends `${infer Head}/${infer Rest}`
  ? ParamNames<Head> | ParamNames<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never

type InputOf<P extends readonly AnyPlugin[], Name> =
  Extract<P[number], { readonly name: Name }> extends { readonly '~input'?: infer Input }
    ? NonNullable<Input>
    : never
type RouteInput<Input, P> = Input extends RuleTypes ? (Input & { readonly params: P })['route'] : Input
type CallInput<Input, A> = Input extends RuleTypes ? (Input & { readonly args: A })['call'] : Input

/** One rule of the table, checked: for each plugin that it names, options, or `false` for off. */
export interface Rule {
  /** For `explain`: the pattern, or the call to `use` or `wrap` that the rule stands in. */
  readonly source: string
  /** For messages: `routes["GET /x"]`. */
  readonly place: string
  readonly kind: Place['kind']
  readonly says: ReadonlyMap<AnyPlugin, Options | false>
}

/** What a rule says to one plugin, as it was written. */
type Options = Readonly<Record<string, unknown>>

/** What several rules together say to one plugin. */
export interface Effective {
  readonly plugin: AnyPlugin
  /** What the plugin's schema made of the options. */
  readonly rule: unknown
  readonly options: Options
  /** For each option the `source` of the rule that said it. */
  readonly from: Readonly<Record<string, string>>
  /** The most specific rule that switched the plugin on. */
  readonly source: string
}

/** Where a rule may stand: decides which half of a plugin it needs. */
export type Place = { readonly kind: 'route' | 'call'; readonly path: string }

/**
 * Checks one rule against the installed plugins, as far as it can be checked without the less specific rules.
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
  const says = new Map<AnyPlugin, Options | false>()
  const rule: Rule = { source, place: place.path, kind: place.kind, says }
  if (!isRecord(raw)) {
    complain(`${place.path}: expected an object of plugin names and their rules, got ${show(raw)}`)
    return rule
  }
  for (const [name, value] of Object.entries(raw)) {
    const plugin = plugins.get(name)
    const at = member(place.path, name)
    if (!plugin) {
      const near = closest(name, plugins.keys())
      const hint = near ? `; did you mean "${near}"?` : ''
      complain(`${at}: no plugin of that name is installed${hint} (installed: ${list(plugins.keys())})`)
    } else if (value === false) says.set(plugin, false)
    else if (value !== undefined) {
      if (place.kind === 'route' ? !plugin.http : !plugin.call) {
        const works = place.kind === 'route' ? 'calls, not on routes' : 'routes, not on calls'
        complain(`${at}: the plugin "${name}" works on ${works}`)
        continue
      }
      const options = optionsOf(plugin, value)
      if (!options) {
        const short = plugin.shorthand ? ', its short form' : ''
        complain(`${at}: expected true, false${short} or an object of options, got ${show(value)}`)
        continue
      }
      says.set(plugin, options)
      const result = validate(plugin, schemaOf(plugin, place.kind), options)
      if (typeof result === 'string') complain(`${at}: ${result}`)
      else if (result.issues) {
        for (const issue of result.issues) {
          if (standsAlone(issue, options))
            complain(describe(schemaOf(plugin, place.kind), options, issue, at))
        }
      }
    }
  }
  return rule
}

/** Whether what is wrong is an option of this very rule, and not what a less specific one may bring. */
const standsAlone = (issue: SchemaIssue, options: Options): boolean => {
  const [first] = keysOf(issue)
  return first === undefined ? unknownKeys.test(issue.message) : Object.hasOwn(options, first)
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
    let options: Options | undefined
    let said = new Map<string, Rule>()
    let last: Rule | undefined
    for (const rule of rules) {
      const own = rule.says.get(plugin)
      if (own === false) {
        options = undefined
        said = new Map()
      } else if (own) {
        options = { ...options, ...own }
        for (const option of Object.keys(own)) said.set(option, rule)
        last = rule
      }
    }
    if (!options || !last) continue
    const schema = schemaOf(plugin, last.kind)
    const result = validate(plugin, schema, options)
    if (typeof result === 'string') complain(`${member(last.place, plugin.name)}: ${result}`)
    else if (result.issues) {
      for (const issue of result.issues) {
        const rule = said.get(String(keysOf(issue)[0])) ?? last
        const others = new Set(
          [...said.values(), last].filter((each) => each !== rule).map((each) => each.place),
        )
        const together = others.size > 0 ? ` (together with ${list(others)})` : ''
        complain(`${describe(schema, options, issue, member(rule.place, plugin.name))}${together}`)
      }
    } else {
      const from = Object.fromEntries([...said].map(([option, rule]) => [option, rule.source]))
      effective.push({ plugin, rule: result.value, options, from, source: last.source })
    }
  }
  return effective
}

/** What checks a rule of this kind. */
export const schemaOf = (plugin: AnyPlugin, kind: Place['kind']): Schema =>
  kind === 'call' ? (plugin.callRule ?? plugin.rule) : plugin.rule

const optionsOf = (plugin: AnyPlugin, value: unknown): Options | undefined => {
  if (value === true) return {}
  if (isRecord(value)) return defined(value)
  const options = plugin.shorthand?.(value)
  return options && defined({ ...options })
}

const defined = (options: Options): Options =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** @returns a word on the schema itself when it is the schema that is wrong. */
const validate = (plugin: AnyPlugin, schema: Schema, options: Options): SchemaResult<unknown> | string => {
  try {
    const result = schema['~standard'].validate(options)
    if (!(result instanceof Promise))
      return result.issues ? { issues: result.issues.flatMap(innermost) } : result
    result.catch(() => undefined)
    return `the rule schema of plugin "${plugin.name}" answers later, or throws; it must answer at once`
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}, got ${show(options)}`
  }
}

/** What zod says of a value that fits no member of a union. */
interface UnionIssue extends SchemaIssue {
  readonly errors: readonly (readonly SchemaIssue[])[]
}

const isOfUnion = (issue: SchemaIssue): issue is UnionIssue =>
  'errors' in issue && Array.isArray(issue.errors)

/** What is wrong inside of a value, where it is the right kind of value for one member of a union. */
const innermost = (issue: SchemaIssue): readonly SchemaIssue[] => {
  if (!isOfUnion(issue)) return [issue]
  const isInside = (each: SchemaIssue): boolean => keysOf(each).length > 0 || unknownKeys.test(each.message)
  const [meant, another] = issue.errors.filter((issues) => issues.every(isInside))
  if (meant === undefined || another !== undefined) return [issue]
  return meant.flatMap((each) => innermost({ ...each, path: [...keysOf(issue), ...keysOf(each)] }))
}

const unknownKeys = /^unrecognized keys?: (.+)$/i

const keysOf = (issue: SchemaIssue): readonly PropertyKey[] =>
  (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))

/** `routes["GET /x"].cache.ttl: expected ..., got ...`, whatever the validator's own wording. */
const describe = (schema: Schema, options: Options, issue: SchemaIssue, place: string): string => {
  const keys = keysOf(issue)
  const at = keys.reduce<string>((path, key) => member(path, key), place)
  const unknown = unknownKeys.exec(issue.message)
  if (unknown) {
    const { properties } = longForm(describedAt(schema, keys))
    const known = isRecord(properties) ? Object.keys(properties) : []
    const names = [...(unknown[1] ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')
    return names
      .map((name) => {
        const near = closest(name, known)
        const hint = near ? `; did you mean "${near}"?` : ''
        return `${member(at, name)}: unknown option${hint}${known.length > 0 ? ` (options: ${list(known)})` : ''}`
      })
      .join('\n')
  }
  const value = keys.reduce<unknown>(
    (inside, key) => (isRecord(inside) || Array.isArray(inside) ? Reflect.get(inside, key) : undefined),
    options,
  )
  return `${at}: ${wanted(schema, keys, issue.message)}, got ${show(value)}`
}

const wanted = (schema: Schema, keys: readonly PropertyKey[], message: string): string => {
  // The whole of it.
  if (message === 'Invalid input') {
    const forms = formsOf(describedAt(schema, keys))
    return forms.length > 0 ? `expected ${[...new Set(forms)].join(' or ')}` : message
  }
  return message.replace(/^(?:invalid \w+|too (?:small|big)): /i, '').replace(/, received .*$/i, '')
}

const formsOf = (schema: unknown): readonly string[] => {
  if (!isRecord(schema)) return []
  const { anyOf, type, const: only } = schema
  if (Array.isArray(anyOf)) return anyOf.flatMap(formsOf)
  if (only !== undefined) return [show(only)]
  return [type].flat().filter((each) => typeof each === 'string')
}

/** The JSON Schema of one of a plugin's options, however deep, where its schema can tell. */
const describedAt = (
  schema: Schema,
  keys: readonly PropertyKey[],
): Readonly<Record<string, unknown>> | undefined => {
  let part: unknown = describeOptions(schema)
  for (const key of keys) {
    const { properties, items }: Record<string, unknown> = longForm(part)
    part = isRecord(properties) ? properties[String(key)] : items
  }
  return isRecord(part) ? part : undefined
}

/** Of an option that has a short form, the one with options of its own: a mistake further in is made there. */
const longForm = (schema: unknown): Readonly<Record<string, unknown>> => {
  if (!isRecord(schema)) return {}
  const forms: unknown[] = Array.isArray(schema['anyOf']) ? schema['anyOf'] : []
  return forms.filter(isRecord).find((form) => isRecord(form['properties'])) ?? schema
}

/** The JSON Schema of a plugin's options, where its schema can tell. */
export const describeOptions = (schema: Schema): Readonly<Record<string, unknown>> | undefined =>
  schema['~standard'].jsonSchema?.input({
    target: 'draft-2020-12',
    libraryOptions: { unrepresentable: 'any' },
  })

/** A value as it stands in a message: short, one line. */
export const show = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'number')
    return String(value)
  const text = json(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

const json = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return 'an object'
  }
}

/** `path.key` or `path["other key"]`. */
export const member = (path: string, key: PropertyKey): string =>
  typeof key === 'number'
    ? `${path}[${key}]`
    : /^[A-Za-z_$][\w$]*$/.test(String(key))
      ? `${path}.${String(key)}`
      : `${path}[${JSON.stringify(String(key))}]`

const list = (names: Iterable<string>): string => [...names].join(', ') || 'none'

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
