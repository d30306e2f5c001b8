import type { Call } from './call.ts'
import type { Clock } from './clock.ts'
import type { Exchange, Inject, Params, RequestHeaders } from './exchange.ts'
import type { Handler, Layer } from './layer.ts'
import type { Reply } from './reply.ts'
import type { Schema, SchemaInput } from './schema.ts'
import type { Stage } from './stage.ts'
import type { Telemetry } from './telemetry.ts'

/** Where a plugin's layer stands: one effective set of rules of the table, one inline `use`, or one wrapped call. */
export interface Site {
  readonly kind: 'route' | 'call'
  /** The most specific pattern of the table that holds here, or the call's name: what events and counts are kept by. */
  readonly name: string
  readonly clock: Clock
}

/** A layer for functions of any kind: what it returns is the function's own result, or comes from one like it. */
export type CallLayer = <A extends readonly unknown[], O>(
  call: Call<A>,
  next: Handler<Call<A>, O>,
) => Promise<O>

export interface Health {
  /** `degraded`: works, but not as well as it should. `down`: cannot do its work. */
  readonly status: 'ok' | 'degraded' | 'down'
  readonly detail?: string
}

/**
 * A capability that routes and calls can switch on by its name.
 *
 * @typeParam Name the key in a route's rules
 * @typeParam Input what a rule may say besides `true` and `false`; a {@link RuleTypes} where it depends on the route
 * @typeParam Rule what the schema makes of it: every default filled in
 * @typeParam CallRule the same of a rule for a call, where that is another one
 */
export interface Plugin<Name extends string = string, Input = unknown, Rule = unknown, CallRule = Rule> {
  readonly name: Name
  readonly stage: Stage
  /**
   * Parses a rule's options. Must accept `{}`, which is what `true` means, unless an option is really required.
   *
   * It is asked twice: of each rule by itself, where only unknown options and wrong values count, and of what rules
   * say together. An issue about several options should name none, so that it counts only the second time.
   */
  readonly rule: Schema<Rule>
  /** The same for rules around calls. Default `rule`. */
  readonly callRule?: Schema<CallRule>
  /** Carries `Input` to the compiler; never set. */
  readonly '~input'?: Input
  /** Turns the short form of a rule (`cache: '30s'`) into options; undefined when the value is none. */
  shorthand?(value: unknown): object | undefined
  /** The layer for routes. Called once for each effective set of rules whenever the table is (re)configured. */
  http?(rule: Rule, site: Site): Layer<Exchange, Reply>
  /** Another layer for routes, inside all others: right around the handler; undefined where it is not needed. */
  handler?(rule: Rule, site: Site): Layer<Exchange, Reply> | undefined
  /** The layer for wrapped calls. */
  call?(rule: CallRule, site: Site): CallLayer
  /** Told, once, which plugins are installed, itself among them. */
  joined?(plugins: readonly AnyPlugin[]): void
  /**
   * Opens what needs opening. Requests are served meanwhile.
   *
   * @param inject for requests that nobody's exchange is at hand for. Rejects with {@link UnmountedError} until an adapter
   * has said where the app is
   */
  start?(inject: Inject): Promise<void>
  /** Finishes accepted work and lets go of everything `start` opened. */
  stop?(): Promise<void>
  /** What its events and state tell those who measure. */
  readonly telemetry?: Telemetry
  /** What an operator sees; plain data. */
  inspect?(): unknown
  health?(): Promise<Health>
  /** What it would do with a request, in short sentences for an operator. */
  explain?(rule: Rule, question: Question): readonly string[]
  /** What an operator or a program does with it: found on the Millrace under the plugin's name, as `mill.cache`. */
  readonly controls?: object
}

/** A request that is not sent: what `mill.explain` is asked about. */
export interface Question {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: RequestHeaders
  readonly params: Params
}

/** The controls of the installed plugins, by name. */
export type ControlsOf<P extends readonly AnyPlugin[]> = {
  readonly [Each in P[number] as Each extends { readonly controls: object }
    ? Each['name']
    : never]: Each extends {
    readonly controls: infer Controls
  }
    ? Controls
    : never
}

/** A plugin of any kind, as the composition root holds it. */
export type AnyPlugin = Plugin

/**
 * Rule types that depend on where they stand: extend it, and use `this['params']` (the route's `:name`s) in
 * `route` and `Args<this['args']>` (the wrapped function's arguments) in `call`.
 */
export interface RuleTypes {
  readonly params: unknown
  readonly args: unknown
  readonly route: unknown
  readonly call: unknown
}

/** Arguments, for the type of a function's own: a rule may name fewer of them than there are. */
export type Args<T> = Extract<T, readonly unknown[]>

/** What a plugin author writes: {@link Plugin} with its types read off the schema. */
export const definePlugin = <const Name extends string, S extends Schema<unknown>>(
  plugin: PluginDefinition<Name, S>,
): Plugin<Name, SchemaInput<S>, SchemaOutput<S>> => plugin

type SchemaOutput<S> = S extends Schema<infer O> ? O : never

export type PluginDefinition<Name extends string, S extends Schema<unknown>> = Plugin<
  Name,
  SchemaInput<S>,
  SchemaOutput<S>
> & { readonly rule: S }
