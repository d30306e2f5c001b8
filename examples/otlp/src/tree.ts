import type { Span } from './decode.ts'

/**
 * Spans as trees, one for each of them whose parent is not there:
 *
 *     GET /cities/:id 3.1 ms {http.response.status_code: 200}
 *     └─ city.find 2.0 ms
 */
export const tree = (spans: readonly Span[]): string => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const children = Map.groupBy(inOrder(spans), ({ parentSpanId }) =>
    ids.has(parentSpanId) ? parentSpanId : '',
  )
  const linesOf = (span: Span): string[] => {
    const inside = children.get(span.spanId) ?? []
    return [
      line(span),
      ...inside.flatMap((child, index) => {
        const isLast = index === inside.length - 1
        const [first = '', ...rest] = linesOf(child)
        return [`${isLast ? '└─' : '├─'} ${first}`, ...rest.map((each) => `${isLast ? '  ' : '│ '} ${each}`)]
      }),
    ]
  }
  return (children.get('') ?? []).flatMap(linesOf).join('\n')
}

const inOrder = (spans: readonly Span[]): Span[] =>
  spans.toSorted((a, b) => Number(a.startTimeUnixNano - b.startTimeUnixNano))

/** What is worth a look in a terminal. */
const shown = /^(?:http\.response\.status_code|error\.type|[\w.]+\.outcome)$/

const line = (span: Span): string => {
  const { name, startTimeUnixNano, endTimeUnixNano, attributes, events, links } = span
  const duration = `${(Number(endTimeUnixNano - startTimeUnixNano) / 1e6).toFixed(1)} ms`
  const told = Object.entries(attributes)
    .filter(([key]) => shown.test(key))
    .map(([key, value]) => `${key}: ${value}`)
    .toSorted()
  return [
    name,
    duration,
    ...(told.length > 0 ? [`{${told.join(', ')}}`] : []),
    ...events.map((event) => `[${event.name}]`),
    ...links.map((link) => `→ ${link.spanId}`),
  ].join(' ')
}
