import type { Clock } from './clock.ts'
import type { Exchange } from './exchange.ts'
import { compose, type Handler, type Layer } from './layer.ts'
import { type Pattern, paramsOf } from './pattern.ts'
import type { AnyPlugin, Site } from './plugin.ts'
import type { Reply } from './reply.ts'
import type { Effective } from './rules.ts'
import { warn } from './trouble.ts'

/** A plugin's layer, made for one place. */
interface Fitted {
  readonly effective: Effective
  readonly layer: Layer<Exchange, Reply> | undefined
  /** Right around the handler. */
  readonly inner: Layer<Exchange, Reply> | undefined
}

/** What one effective set of rules does to a request: made once, run many times. */
export class Pipeline {
  readonly site: Site
  /** The patterns that hold, from least to most specific. */
  readonly patterns: readonly Pattern[]
  /** What they say together, outermost plugin first. */
  readonly effective: readonly Effective[]
  /** The plugins that have run when this pipeline has, those of enclosing pipelines included. */
  readonly plugins: ReadonlySet<AnyPlugin>
  /** Whether it has no layer: the handler can be left alone. */
  readonly idle: boolean
  readonly run: Handler<Exchange, Reply>
  /** The most specific pattern's path: the route label where the host has none. */
  readonly route: string
  readonly #fitted: readonly Fitted[]
  /** What an inline rule says is off. */
  readonly #off: readonly AnyPlugin[]
  readonly #within = new WeakMap<Pipeline, Pipeline>()

  private constructor(
    site: Site,
    patterns: readonly Pattern[],
    fitted: readonly Fitted[],
    enclosing: Iterable<AnyPlugin>,
    off: readonly AnyPlugin[] = [],
  ) {
    this.site = site
    this.patterns = patterns
    this.effective = fitted.map((each) => each.effective)
    this.plugins = new Set([...enclosing, ...this.effective.map((each) => each.plugin)])
    this.idle = fitted.length === 0
    this.run = compose(
      [...fitted.map((each) => each.layer), ...fitted.map((each) => each.inner)].filter(
        (layer) => layer !== undefined,
      ),
      (exchange) => exchange.handle(),
    )
    this.route = patterns.at(-1)?.source.replace(/^\S+ /, '') ?? 'unmatched'
    this.#fitted = fitted
    this.#off = off
  }

  /** @param effective in the order of the layers, the outermost first. */
  static fit(
    name: string,
    clock: Clock,
    patterns: readonly Pattern[],
    effective: readonly Effective[],
    off: readonly AnyPlugin[] = [],
  ): Pipeline {
    const site: Site = { kind: 'route', name, clock }
    const fitted = effective.flatMap((each) => {
      const layer = each.plugin.http?.(each.rule, site)
      const inner = each.plugin.handler?.(each.rule, site)
      return layer || inner ? [{ effective: each, layer, inner }] : []
    })
    return new Pipeline(site, patterns, fitted, [], off)
  }

  /** This pipeline inside another on the same request: a plugin runs at most once for an exchange. */
  inside(outer: Pipeline): Pipeline {
    let inner = this.#within.get(outer)
    if (!inner) {
      // The table inside itself (mounted twice) says nothing new; an inline rule would be lost without a word.
      if (this.patterns.length === 0) this.#warnOfLost(outer)
      const fitted = this.#fitted.filter((each) => !outer.plugins.has(each.effective.plugin))
      inner = new Pipeline(this.site, this.patterns, fitted, outer.plugins)
      this.#within.set(outer, inner)
    }
    return inner
  }

  #warnOfLost(outer: Pipeline): void {
    const lost = (said: string, plugin: AnyPlugin, why: string): void => {
      if (!outer.plugins.has(plugin)) return
      warn({
        code: 'MILLRACE_INLINE_IGNORED',
        message:
          `use({ ${said} }) has no effect under "${outer.site.name}": ${why}, ` +
          'and the table has switched it on there. Say it in the table.',
      })
    }
    for (const { plugin } of this.effective) lost(plugin.name, plugin, 'a plugin runs once for a request')
    for (const plugin of this.#off)
      lost(`${plugin.name}: false`, plugin, 'a plugin that has begun cannot be taken back')
  }

  /** The values of the `:name`s of every pattern that holds, the most specific winning. */
  params(path: string): Readonly<Record<string, string>> {
    const params: Record<string, string> = {}
    const segments = path.split('/').slice(1)
    if (segments.at(-1) === '') segments.pop()
    for (const pattern of this.patterns) paramsOf(pattern, segments, params)
    return params
  }
}
