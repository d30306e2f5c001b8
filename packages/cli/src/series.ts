/** The histogram of `timing` that tells how long requests take, and how they end. */
export const durations = 'http_server_request_duration_seconds'

/** Label matchers for requests that count as what. */
export const outcomes = {
  /** Not one that asks too often, and is told so. */
  bad: 'outcome=~"error|timeout|rejected",http_response_status_code!="429"',
  /** That a client left says nothing about us. */
  counted: 'outcome!="aborted"',
  /** Where time is measured: what fails often fails fast. */
  good: 'outcome="ok"',
} as const

/** A route pattern of the table, as far as labels can tell. */
interface Read {
  /** Empty: every method. */
  readonly methods: readonly string[]
  /** A regular expression for `http_route`; undefined: any. */
  readonly route: string | undefined
}

/**
 * Label matchers (`http_route=~"...",http_request_method=~"..."`) for the requests that a pattern holds for and none of
 * the others does: one set of matchers or several, of which no two match the same series.
 *
 * The label is the host's own pattern where the host has one, so `:id` of the table is any one part there. Letter case
 * and a slash at the end do not count, as in the table.
 *
 * @param others more specific patterns
 */
export const matchersOf = (pattern: string, others: readonly string[]): readonly string[] => {
  const own = read(pattern)
  const apart = others.map(read)
  // Where another pattern holds for some methods alone, its route is still ours under the rest.
  const special = [...new Set(apart.flatMap(({ methods }) => methods))].filter(
    (method) => own.methods.length === 0 || own.methods.includes(method),
  )
  const rest = own.methods.filter((method) => !special.includes(method))
  const byRoutes = new Map<string, string[]>()
  for (const method of special) {
    const routes = routesOf(own, apart, method)
    if (routes !== undefined) byRoutes.set(routes, [...(byRoutes.get(routes) ?? []), method])
  }
  const everybody = own.methods.length > 0 && rest.length === 0 ? undefined : routesOf(own, apart)
  return [
    ...(everybody === undefined
      ? []
      : [joined(everybody, rest.length > 0 ? methodIs('=~', rest) : methodIs('!~', special))]),
    ...[...byRoutes].map(([routes, methods]) => joined(routes, methodIs('=~', methods))),
  ]
}

/** Undefined when others take every route. */
const routesOf = (own: Read, apart: readonly Read[], method?: string): string | undefined => {
  const taken = apart
    .filter(({ methods }) => methods.length === 0 || (method !== undefined && methods.includes(method)))
    .map(({ route }) => route)
  if (taken.includes(undefined) || taken.includes(own.route)) return undefined
  return joined(
    own.route === undefined ? '' : `http_route=~${quoted(own.route)}`,
    ...taken.map((route) => `http_route!~${quoted(route ?? '')}`),
  )
}

const read = (pattern: string): Read => {
  const [path = '', named] = pattern.split(/\s+/).reverse()
  const methods = named?.split(',') ?? []
  const parts = path.split('/').filter((part) => part !== '')
  return {
    methods: methods.includes('GET') ? [...new Set([...methods, 'HEAD'])] : methods,
    route: String(parts) === '**' ? undefined : expressionOf(parts),
  }
}

const expressionOf = (parts: readonly string[]): string => {
  const expression = parts.map((part) => {
    if (part === '**') return '(/.*)?'
    return part === '*' || part.startsWith(':') ? '/[^/]+' : `/${part.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')}`
  })
  return `(?i)${expression.join('')}${parts.at(-1) === '**' ? '' : '/?'}`
}

const methodIs = (operator: '=~' | '!~', methods: readonly string[]): string =>
  methods.length === 0 ? '' : `http_request_method${operator}${quoted(methods.join('|'))}`

const joined = (...matchers: readonly string[]): string =>
  matchers.filter((matcher) => matcher !== '').join(',')

/** A string of PromQL. */
export const quoted = (text: string): string => JSON.stringify(text)

/** A range selector for each set of matchers, joined by `or`: `rate` takes them apart. */
export const rates = (metric: string, matchers: readonly string[], more: string, window: string): string =>
  matchers.map((each) => `rate(${metric}{${joined(each, more)}}[${window}])`).join(' or ')

/** A fraction as it was meant: 100 - 99.9 is not quite 0.1. */
export const decimal = (value: number): number => Number(value.toPrecision(12))
