import type { Pattern } from './pattern.ts'

/**
 * Finds which of any number of patterns hold for a path in one walk over its segments.
 *
 * The patterns are one non-deterministic automaton over segments; this is its deterministic form (Rabin and Scott's
 * subset construction), built when the table is configured. So every combination of rules that a path can meet is
 * known then: it is merged, validated and composed before the first request, and found by one map lookup a segment.
 */
export interface Matcher {
  /** Every combination of patterns that some request meets. */
  readonly sets: readonly (readonly Pattern[])[]
  /**
   * @param path a folded path: separators between segments, one before the first when it is "/".
   * @returns an index of `sets`.
   */
  find(path: string, method: string): number
}

/** How many states a table may need; far above any real one, far below what would hurt. */
const mostStates = 200_000

/** The rules together need too many combinations: several `**` in the middle of long patterns. */
export class TableTooComplexError extends Error {
  override readonly name = 'TableTooComplexError'
}

interface State {
  /** Undefined where no pattern names a segment, so that the value of a `:name` is not looked up. */
  literals: Map<string, State> | undefined
  /** For a segment that no pattern names. */
  other: State | undefined
  /** For an empty segment, which only `**` matches. */
  blank: State | undefined
  /** Whether every path from here on stays here. */
  settled: boolean
  readonly byMethod: ReadonlyMap<string, number>
  readonly anyMethod: number
}

/** @param patterns in the order in which they shall stand in the sets */
export const matcher = (patterns: readonly Pattern[], separator: '/' | '.'): Matcher => {
  const sets: (readonly Pattern[])[] = []
  const indices = new Map<string, number>()
  const indexOf = (items: readonly Item[], method: string | undefined): number => {
    const matched = items.filter((item) => ended(item) && answers(item.pattern, method))
    const key = matched.map((item) => item.index).join()
    let index = indices.get(key)
    if (index === undefined) {
      index = sets.push(matched.map((item) => item.pattern)) - 1
      indices.set(key, index)
    }
    return index
  }

  const states = new Map<string, State>()
  const waiting: (readonly [State, readonly Item[]])[] = []
  const stateOf = (seeds: readonly Item[]): State => {
    const items = close(seeds)
    const key = items.map((item) => `${item.index}:${item.at}`).join()
    const known = states.get(key)
    if (known) return known
    if (states.size === mostStates)
      throw new TableTooComplexError(
        'the patterns together are too complex: use fewer "**" before other parts',
      )
    const methods = new Set(items.filter(ended).flatMap((item) => item.pattern.methods))
    const state: State = {
      literals: undefined,
      other: undefined,
      blank: undefined,
      settled: false,
      byMethod: new Map([...methods].map((method) => [method, indexOf(items, method)])),
      anyMethod: indexOf(items, undefined),
    }
    states.set(key, state)
    waiting.push([state, items])
    return state
  }

  const root = stateOf(patterns.map((pattern, index) => ({ pattern, index, at: 0 })))
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [state, items] = next
    const stay = items.filter((item) => item.pattern.elements[item.at]?.kind === 'any')
    const step: Item[] = []
    const named = new Map<string, Item[]>()
    for (const item of items) {
      const element = item.pattern.elements[item.at]
      if (element?.kind === 'param' || element?.kind === 'one') step.push(advance(item))
      else if (element?.kind === 'static') {
        const same = named.get(element.text)
        if (same) same.push(advance(item))
        else named.set(element.text, [advance(item)])
      }
    }
    if (named.size > 0) {
      state.literals = new Map(
        [...named].map(([text, moved]) => [text, stateOf([...stay, ...step, ...moved])]),
      )
    }
    state.other = stateOf([...stay, ...step])
    state.blank = stateOf(stay)
    state.settled = named.size === 0 && state.other === state && state.blank === state
  }

  return {
    sets,
    find(path, method) {
      let state = root
      let from = separator === '/' ? 1 : 0
      while (from < path.length && !state.settled) {
        let to = path.indexOf(separator, from)
        if (to < 0) to = path.length
        const next = to === from ? state.blank : (state.literals?.get(path.slice(from, to)) ?? state.other)
        if (next === undefined) break
        state = next
        from = to + 1
      }
      const found = state.byMethod.get(method)
      if (found !== undefined || state.byMethod.size === 0) return found ?? state.anyMethod
      // HTTP/2 lets any case through, and some routers fold it.
      return state.byMethod.get(method.toUpperCase()) ?? state.anyMethod
    },
  }
}

/** How far a pattern has been matched. */
interface Item {
  readonly pattern: Pattern
  readonly index: number
  readonly at: number
}

const ended = (item: Item): boolean => item.at === item.pattern.elements.length

const advance = (item: Item): Item => ({ ...item, at: item.at + 1 })

/** With every item at a `**` also the one behind it, each once, in order. */
const close = (seeds: readonly Item[]): readonly Item[] => {
  const items = new Map<string, Item>()
  const add = (item: Item): void => {
    const key = `${item.index}:${item.at}`
    if (items.has(key)) return
    items.set(key, item)
    if (item.pattern.elements[item.at]?.kind === 'any') add(advance(item))
  }
  seeds.forEach(add)
  return [...items.values()].sort((a, b) => a.index - b.index || a.at - b.at)
}

const answers = (pattern: Pattern, method: string | undefined): boolean =>
  pattern.methods.length === 0 || (method !== undefined && pattern.methods.includes(method))
