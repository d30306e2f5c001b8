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
  /** Empty: every method. `GET` stands for `HEAD` too, as in the hosts' own routers. */
  readonly methods: readonly string[]
  readonly elements: readonly Element[]
}

/** A pattern that cannot be read; the message says what was expected. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * Reads a route pattern. `:name` and `*` match exactly one segment, `**` any number (none too), anything else
 * itself, in any case and however it is percent-encoded.
 *
 * @throws PatternError
 */
export const parseRoute = (source: string): Pattern => {
  const space = source.indexOf(' ')
  const methods = space < 0 ? [] : source.slice(0, space).split(',')
  const path = space < 0 ? source : source.slice(space + 1).trimStart()
  for (const method of methods) {
    if (!token.test(method)) throw new PatternError(`expected methods such as "GET" or "GET,POST" before the path, got ${JSON.stringify(source.slice(0, space))}`)
    if (method !== method.toUpperCase()) throw new PatternError(`methods are upper-case: expected ${JSON.stringify(method.toUpperCase())}, got ${JSON.stringify(method)}`)
  }
  if (new Set(methods).size !== methods.length) throw new PatternError('a method stands twice')
  if (!path.startsWith('/')) throw new PatternError('expected a path that starts with "/", after optional methods, as in "GET /cities/:id"')
  if (/\s/.test(path)) throw new PatternError('a path has no spaces; write "%20"')
  const mark = /[?#]/.exec(path)
  if (mark) throw new PatternError(`a pattern matches the path alone; remove what follows "${mark[0]}"`)
  const parts = path.split('/').slice(1)
  if (parts.at(-1) === '') parts.pop()
  const elements = parts.map((part) => {
    if (part === '') throw new PatternError('"//" matches nothing')
    if (part === '.' || part === '..') throw new PatternError(`${JSON.stringify(part)} is resolved by every client and matches nothing`)
    return element(part, (text) => fold(encode(text)))
  })
  return finish({ source, methods, elements })
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
  return finish({ source, methods: [], elements })
}

const element = (part: string, literal: (text: string) => string): Element => {
  if (part === '**') return { kind: 'any' }
  if (part === '*') return { kind: 'one' }
  if (part.includes('*')) throw new PatternError(`"*" and "**" stand for whole parts, got ${JSON.stringify(part)}`)
  if (part.startsWith(':')) {
    const name = part.slice(1)
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new PatternError(`expected a name such as ":id", the whole of its part, got ${JSON.stringify(part)}`)
    return { kind: 'param', name }
  }
  return { kind: 'static', text: literal(part) }
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

const encode = (text: string): string => {
  try {
    return encodeURI(decodeURIComponent(text))
  } catch {
    throw new PatternError(`${JSON.stringify(text)} is not valid percent-encoding`)
  }
}

/** Hosts match paths without regard to case unless told otherwise; so do rules. */
export const fold = (path: string): string => path.toLowerCase()

const ranks = { static: 4, param: 3, one: 2, any: 0 } as const
const ended = 1

/**
 * Orders patterns from least to most specific. Part by part from the left: a literal beats `:name` beats `*` beats
 * the end beats `**`. With the same path a rule for fewer methods is the more specific. 0: neither.
 */
export const compareSpecificity = (a: Pattern, b: Pattern): number => {
  for (let i = 0; i < Math.max(a.elements.length, b.elements.length); i++) {
    const left = a.elements[i]
    const right = b.elements[i]
    const difference = (left ? ranks[left.kind] : ended) - (right ? ranks[right.kind] : ended)
    if (difference !== 0) return difference
  }
  return breadth(b) - breadth(a)
}

const breadth = (pattern: Pattern): number => pattern.methods.length || Number.MAX_SAFE_INTEGER

/** Whether two patterns say the same path for a common method, so that none could win. */
export const sameReach = (a: Pattern, b: Pattern): boolean =>
  compareSpecificity(a, b) === 0 && shape(a) === shape(b) && (a.methods.length === 0 || a.methods.some((method) => b.methods.includes(method)))

/** The same for patterns that match the same paths. */
export const shape = (pattern: Pattern): string =>
  pattern.elements.map((each) => (each.kind === 'static' ? `/${each.text}` : each.kind === 'any' ? '/**' : '/*')).join('')

/** The values of a pattern's `:name`s in a path that it matches, by segments as sent. */
export const paramsOf = (pattern: Pattern, segments: readonly string[], into: Record<string, string>): void => {
  const wild = pattern.elements.findIndex((each) => each.kind === 'any')
  pattern.elements.forEach((each, i) => {
    if (each.kind !== 'param') return
    // What follows "**" is counted from the end.
    const at = wild >= 0 && i > wild ? segments.length - (pattern.elements.length - i) : i
    const segment = segments[at]
    if (segment !== undefined) into[each.name] = decode(segment)
  })
}

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
