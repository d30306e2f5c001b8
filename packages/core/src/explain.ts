import type { Question } from './plugin.ts'
import type { Effective } from './rules.ts'
import type { Stage } from './stage.ts'

/** One effective layer, and where each of its options was said. */
export interface ExplainedLayer {
  readonly plugin: string
  readonly stage: Stage
  /** The options after merging, as they were written, each with the rule that it came from. */
  readonly options: Readonly<Record<string, { readonly value: unknown; readonly from: string }>>
  /** The most specific rule that switched the plugin on. */
  readonly from: string
  /** What the plugin would do with this very request, where it can tell. */
  readonly says?: readonly string[]
}

export interface Explanation {
  /** The most specific pattern that holds, or "unmatched". */
  readonly site: string
  /** Every pattern that holds, from least to most specific. */
  readonly patterns: readonly string[]
  readonly params: Readonly<Record<string, string>>
  /** In the order in which a request meets them. */
  readonly layers: readonly ExplainedLayer[]
}

export const explain = (
  site: string,
  patterns: readonly string[],
  effective: readonly Effective[],
  params: Readonly<Record<string, string>>,
  question?: Question,
): Explanation => ({
  site,
  patterns,
  params,
  layers: effective.map(({ plugin, rule, options, from, source }) => ({
    plugin: plugin.name,
    stage: plugin.stage,
    options: Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, { value, from: from[name] ?? source }]),
    ),
    from: source,
    ...(question && plugin.explain && { says: plugin.explain(rule, question) }),
  })),
})
