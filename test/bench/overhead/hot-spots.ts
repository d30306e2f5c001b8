import type { Profiler, Runtime } from 'node:inspector'

const shown = 40

/** The functions that took most of a profile's time by themselves, as a Markdown table. */
export const hotSpots = ({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): string => {
  const places = new Map(nodes.map((node) => [node.id, placeOf(node.callFrame)]))
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, i) => {
    const place = places.get(id)
    const time = timeDeltas[i] ?? 0
    if (place === undefined || place === '(idle)') return
    times.set(place, (times.get(place) ?? 0) + time)
    total += time
  })
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, shown)
  const rows = sorted.map(([place, time]) => `| ${((time / total) * 100).toFixed(1)} % | ${place} |`)
  return ['| self | function |', '|---:|---|', ...rows].join('\n')
}

const placeOf = ({ functionName, url, lineNumber }: Runtime.CallFrame): string => {
  const name = functionName || '(anonymous)'
  return url === ''
    ? name
    : `${name} ${url.replace(/^.*\/(?:node_modules|packages)\//, '')}:${lineNumber + 1}`
}
