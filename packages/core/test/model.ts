/**
 * What the table does, as simply as it can be said: patterns are tried one by one, a `**` swallows every number of
 * segments in turn, rules are laid over each other. Slow, and easy to see to be right.
 */

export interface NaivePattern {
  readonly methods: readonly string[]
  /** `:name`, `*`, `**` or a literal. */
  readonly parts: readonly string[]
}

/** How a pattern is written. */
export const sourceOf = ({ methods, parts }: NaivePattern): string =>
  `${methods.length > 0 ? `${methods.join(',')} ` : ''}/${parts.join('/')}`

export const segmentsOf = (path: string): readonly string[] => {
  const segments = path.split('/').slice(1)
  return segments.at(-1) === '' ? segments.slice(0, -1) : segments
}

/** The params when the parts match the segments, else undefined. */
const bind = (
  parts: readonly string[],
  segments: readonly string[],
  same: (literal: string, segment: string) => boolean,
): Record<string, string> | undefined => {
  const [part, ...rest] = parts
  if (part === undefined) return segments.length === 0 ? {} : undefined
  if (part === '**') {
    for (let taken = 0; taken <= segments.length; taken++) {
      const bound = bind(rest, segments.slice(taken), same)
      if (bound) return bound
    }
    return undefined
  }
  const [segment, ...others] = segments
  if (segment === undefined || segment === '') return undefined
  const bound = bind(rest, others, same)
  if (!bound) return undefined
  if (part.startsWith(':')) return { [part.slice(1)]: segment, ...bound }
  return part === '*' || same(part, segment) ? bound : undefined
}

const ignoringCase = (literal: string, segment: string): boolean =>
  literal.toLowerCase() === segment.toLowerCase()

export const naiveBind = (
  pattern: NaivePattern,
  method: string,
  segments: readonly string[],
  same = ignoringCase,
): Record<string, string> | undefined => {
  const { methods } = pattern
  const answers =
    methods.length === 0 || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))
  return answers ? bind(pattern.parts, segments, same) : undefined
}

const answered = ({ methods }: NaivePattern): readonly string[] =>
  methods.includes('GET') ? [...new Set([...methods, 'HEAD'])] : methods

/** Fewer are later in the alphabet; none is every method. */
const breadth = (methods: readonly string[]): string =>
  methods.length === 0 ? 'a' : String.fromCharCode(122 - methods.length)

/** For comparing as texts: literal, `:name`, `*`, the end, `**`; then the fewer methods the better, written and meant. */
const rank = (pattern: NaivePattern): string => {
  const path = pattern.parts.map((part) =>
    part === '**' ? 'a' : part === '*' ? 'c' : part.startsWith(':') ? 'd' : 'e',
  )
  return `${path.join('')}b ${breadth(pattern.methods)}${breadth(answered(pattern))}`
}

/** The patterns that hold, from least to most specific. */
export const naiveMatch = <P extends NaivePattern>(
  patterns: readonly P[],
  method: string,
  segments: readonly string[],
  same = ignoringCase,
): readonly P[] =>
  patterns
    .filter((pattern) => naiveBind(pattern, method, segments, same))
    .sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))

/** Without those that mean the same requests, or have as many methods, one in common, on the same path. */
export const withoutTwins = <P extends NaivePattern>(patterns: readonly P[]): readonly P[] => {
  const paths = ({ parts }: P): string =>
    parts.map((part) => (part.startsWith(':') ? ':' : part.toLowerCase())).join('/')
  const twins = (a: P, b: P): boolean =>
    paths(a) === paths(b) &&
    (answered(a).toSorted().join() === answered(b).toSorted().join() ||
      (a.methods.length === b.methods.length && a.methods.some((method) => b.methods.includes(method))))
  const kept: P[] = []
  for (const pattern of patterns) if (!kept.some((other) => twins(other, pattern))) kept.push(pattern)
  return kept
}

export type Said = boolean | Readonly<Record<string, number>>

/** What the rules of the patterns that hold say to one plugin: each option, and which pattern said it. */
export const naiveMerge = (
  said: readonly (readonly [source: string, said: Said | undefined])[],
):
  | { readonly options: Record<string, { value: number; from: string }>; readonly from: string }
  | undefined => {
  let options: Record<string, { value: number; from: string }> | undefined
  let from = ''
  for (const [source, value] of said) {
    if (value === undefined) continue
    if (value === false) options = undefined
    else {
      from = source
      options ??= {}
      for (const [name, option] of Object.entries(value === true ? {} : value))
        options[name] = { value: option, from: source }
    }
  }
  return options && { options, from }
}
