import type { Pattern } from './pattern.ts'

/**
 * Finds what holds for a path among any number of patterns in one walk over its segments.
 *
 * The patterns are one non-deterministic automaton over segments; this is its deterministic form (Rabin and Scott's
 * subset construction), built when the table is configured. So every combination of rules that a path can meet is
 * known then: it is merged, validated and composed before the first request, and found by one map lookup a segment.
 */
export interface Matcher<T> {
  /** @param path a folded path: separators between segments, one before the first when it is "/". */
  find(path: string, method: string): T
  /** Every distinct outcome. */
  readonly outcomes: readonly T[]
}

/** How many states a table may need; far above any real one, far below what would hurt. */
const mostStates = 200_000

/** The rules together need too many combinations: several `**` in the middle of long patterns. */
export class TableTooComplexError extends Error {
  override readonly name = 'TableTooComplexError'
}

interface State<T> {
  readonly literals: Map<string, State<T>>
  /** For a segment that no pattern names. */
  other: State<T> | undefined
  /** For an empty segment, which only `**` matches. */
  blank: State<T> | undefined
  /** Whether every path from here on stays here. */
  settled: boolean
  readonly byMethod: Map<string, T>
  readonly anyMethod: T
}

/** @param outcome what a set of matching patterns amounts to; called once for each set. */
export const matcher = <T>(
  patterns: readonly Pattern[],
  separator: string,
  outcome: (matched: readonly Pattern[], method: string | undefined) => T,
): Matcher<T> => {
  const outcomes = new Map<string, T>()
  const resolve = (items: readonly Item[], method: string | undefined): T => {
    const matched = items.filter((item) => item.at === item.pattern.elements.length).filter((item) => answers(item.pattern, method))
    const key = matched.map((item) => item.index).join()
    let found = outcomes.get(key)
    if (found === undefined) {
      found = outcome(
        matched.map((item) => item.pattern),
        method,
      )
      outcomes.set(key, found)
    }
    return found
  }

  const states = new Map<string, State<T>>()
  const waiting: (readonly [State<T>, readonly Item[]])[] = []
  const stateOf = (seeds: readonly Item[]): State<T> => {
    const items = close(seeds)
    const key = items.map((item) => `${item.index}:${item.at}`).join()
    const known = states.get(key)
    if (known) return known
    if (states.size === mostStates) throw new TableTooComplexError('the patterns together are too complex: use fewer "**" before other parts')
    const methods = new Set(items.flatMap((item) => withHead(item.pattern.methods)))
    const state: State<T> = {
      literals: new Map(),
      other: undefined,
      blank: undefined,
      settled: false,
      byMethod: new Map([...methods].map((method) => [method, resolve(items, method)])),
      anyMethod: resolve(items, undefined),
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
    for (const [text, moved] of named) state.literals.set(text, stateOf([...stay, ...step, ...moved]))
    state.other = stateOf([...stay, ...step])
    state.blank = stateOf(stay)
    state.settled = named.size === 0 && state.other === state && state.blank === state
  }

  return {
    outcomes: [...outcomes.values()],
    find(path, method) {
      let state = root
      let from = separator === '/' ? 1 : 0
      while (from < path.length && !state.settled) {
        let to = path.indexOf(separator, from)
        if (to < 0) to = path.length
        const next = to === from ? state.blank : (state.literals.get(path.slice(from, to)) ?? state.other)
        if (next === undefined) break
        state = next
        from = to + 1
      }
      return state.byMethod.get(method) ?? state.anyMethod
    },
  }
}

/** How far a pattern has been matched. */
interface Item {
  readonly pattern: Pattern
  readonly index: number
  readonly at: number
}

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

const withHead = (methods: readonly string[]): readonly string[] => (methods.includes('GET') ? [...methods, 'HEAD'] : methods)

const answers = (pattern: Pattern, method: string | undefined): boolean =>
  pattern.methods.length === 0 || (method !== undefined && withHead(pattern.methods).includes(method))
