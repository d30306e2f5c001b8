import { closest } from './closest.ts'
import { known, usual } from './http/method.ts'
import { canonicalSegment, decodeOrKeep } from './path.ts'

/** One part of a pattern, between two separators. */
export type Element =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'any' }

/** The left side of a rule: `[METHOD[,METHOD] ]/path`, or for calls a dotted name. */
export interface Pattern {
  /** As the user wrote it. */
  readonly source: string
  /** As the user wrote them; empty: every method. */
  readonly named: readonly string[]
  /** Those that it matches: `GET` brings `HEAD` with it, as in the hosts' own routers. Empty: every method. */
  readonly methods: readonly string[]
  readonly elements: readonly Element[]
}

/** A pattern that cannot be read; the message says what was expected. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/**
 * Reads a route pattern. `:name` and `*` match exactly one segment, `**` any number (none too), anything else
 * itself, in any case. What a URL has to encode may be written as it is or encoded.
 *
 * @throws PatternError
 */
export const parseRoute = (source: string): Pattern => {
  const space = source.startsWith('/') ? -1 : source.indexOf(' ')
  const named = space < 0 ? [] : source.slice(0, space).split(',')
  const path = space < 0 ? source : source.slice(space + 1).trimStart()
  for (const method of named) checkMethod(method, source)
  const twice = named.find((method, i) => named.indexOf(method) < i)
  if (twice) throw new PatternError(`the method ${twice} stands twice`)
  if (!path.startsWith('/')) {
    throw new PatternError(
      'expected a path that starts with "/", after optional methods, as in "GET /cities/:id"',
    )
  }
  if (/\s/.test(path)) throw new PatternError('a path has no spaces; write "%20"')
  const optional = /:\w+\?/.exec(path)
  if (optional)
    throw new PatternError(`an optional part takes two patterns, one without it, got "${optional[0]}"`)
  const mark = /[?#]/.exec(path)
  if (mark) throw new PatternError(`a pattern matches the path alone; remove what follows "${mark[0]}"`)
  const parts = path.split('/').slice(1)
  if (parts.at(-1) === '') parts.pop()
  const elements = parts.map((part) => {
    if (part === '') throw new PatternError('"//" matches nothing')
    return element(part, literal)
  })
  const methods = named.includes('GET') ? [...new Set([...named, 'HEAD'])] : named
  return finish({ source, named, methods, elements })
}

const checkMethod = (method: string, source: string): void => {
  if (known.includes(method)) return
  const near = closest(method, usual)
  throw new PatternError(
    'expected methods such as "GET" or "GET,POST" before the path, or none for every method, got ' +
      `${JSON.stringify(method || source)}${near ? `; did you mean "${near}"?` : ''}`,
  )
}

/** @throws PatternError when no request can have such a segment, or it looks like another router's syntax */
const literal = (part: string): string => {
  if (/[{}]/.test(part))
    throw new PatternError(`write ":id" for a part that varies, got ${JSON.stringify(part)}`)
  if (part.includes(':')) {
    throw new PatternError(
      `a ":name" is the whole of its part, got ${JSON.stringify(part)}; a ":" itself is written "%3A"`,
    )
  }
  if (part.includes('\\')) throw new PatternError(`"\\" matches nothing, got ${JSON.stringify(part)}`)
  const text = canonicalSegment(part)
  if (text === undefined) throw new PatternError(`${JSON.stringify(part)} is not valid percent-encoding`)
  if (text === '.' || text === '..') {
    throw new PatternError(`${JSON.stringify(part)} is resolved by every client and matches nothing`)
  }
  return text
}

/**
 * Reads a call pattern: a dotted name such as `city.find`, with `*` for one part and `**` for any number.
 *
 * @throws PatternError
 */
export const parseCall = (source: string): Pattern => {
  const elements = source.split('.').map((part) => {
    if (part === '') throw new PatternError('expected a dotted name such as "city.find" or "city.*"')
    if (part.startsWith(':')) throw new PatternError('a call has no params; write "*" for any one part')
    return element(part, (text) => text)
  })
  return finish({ source, named: [], methods: [], elements })
}

const element = (part: string, textOf: (part: string) => string): Element => {
  if (part === '**') return { kind: 'any' }
  if (part === '*') return { kind: 'one' }
  if (part.includes('*'))
    throw new PatternError(`"*" and "**" stand for whole parts, got ${JSON.stringify(part)}`)
  if (part.startsWith(':')) {
    const name = part.slice(1)
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new PatternError(
        `expected a name such as ":id", the whole of its part, got ${JSON.stringify(part)}`,
      )
    return { kind: 'param', name }
  }
  return { kind: 'static', text: textOf(part) }
}

const finish = (pattern: Pattern): Pattern => {
  const names = new Set<string>()
  let wild = 0
  for (const each of pattern.elements) {
    if (each.kind === 'any' && ++wild > 1) throw new PatternError('"**" may stand once')
    if (each.kind !== 'param') continue
    if (names.has(each.name)) throw new PatternError(`the name ":${each.name}" stands twice`)
    names.add(each.name)
  }
  return pattern
}

const ranks = { static: 4, param: 3, one: 2, any: 0 } as const
const ended = 1

/**
 * Orders patterns from least to most specific. Part by part from the left: a literal beats `:name` beats `*` beats
 * the end beats `**`. With the same path a rule that names fewer methods is the more specific, and for HEAD one that
 * names it. 0: neither.
 */
export const compareSpecificity = (a: Pattern, b: Pattern): number =>
  comparePaths(a, b) || breadth(b.named) - breadth(a.named) || breadth(b.methods) - breadth(a.methods)

const comparePaths = (a: Pattern, b: Pattern): number => {
  for (let i = 0; i < Math.max(a.elements.length, b.elements.length); i++) {
    const left = a.elements[i]
    const right = b.elements[i]
    const difference = (left ? ranks[left.kind] : ended) - (right ? ranks[right.kind] : ended)
    if (difference !== 0) return difference
  }
  return 0
}

const breadth = (methods: readonly string[]): number => methods.length || Number.MAX_SAFE_INTEGER

/** Why neither of two patterns of the same shape should win over the other; undefined when one may, or they never meet. */
export const conflict = (a: Pattern, b: Pattern): string | undefined => {
  if (comparePaths(a, b) !== 0) return undefined
  const same =
    a.methods.length === b.methods.length && a.methods.every((method) => b.methods.includes(method))
  if (same) return 'matches the same requests as'
  const common = a.named.length === b.named.length ? a.named.filter((method) => b.named.includes(method)) : []
  return common.length > 0 ? `is as specific for ${common.join(' and ')} requests as` : undefined
}

/** The same for patterns that match the same paths. */
export const shape = (pattern: Pattern): string =>
  pattern.elements
    .map((each) => (each.kind === 'static' ? `/${each.text}` : each.kind === 'any' ? '/**' : '/*'))
    .join('')

/** The values of a pattern's `:name`s in a path that it matches, by segments as sent. */
export const paramsOf = (
  pattern: Pattern,
  segments: readonly string[],
  into: Record<string, string>,
): void => {
  const wild = pattern.elements.findIndex((each) => each.kind === 'any')
  pattern.elements.forEach((each, i) => {
    if (each.kind !== 'param') return
    // What follows "**" is counted from the end.
    const at = wild >= 0 && i > wild ? segments.length - (pattern.elements.length - i) : i
    const segment = segments[at]
    if (segment !== undefined) into[each.name] = decodeOrKeep(segment)
  })
}
