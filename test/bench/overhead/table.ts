import type { Lap, Laps } from './contest.ts'
import type { Group } from './group.ts'
import { spread } from './spread.ts'

/** The outcome of a contest in Markdown: a table, and a line for each bar. */
export const table = (group: Group, laps: Laps): string => {
  const rows = [...laps].map(([name, own]) => {
    const label = group.contenders[name]?.label ?? name
    const perSecond = spread(own.map((lap) => lap.perSecond)).median
    const cpu = spread(own.map((lap) => lap.cpu)).median
    const byCpu = spread(ratios(laps, group.base, name, (lap) => lap.cpu)).median
    const cells = [
      label,
      ratio(laps, name, group.base),
      byCpu.toFixed(2),
      Math.round(perSecond).toLocaleString('en'),
      cpu.toFixed(1),
      own[0]?.bytes.toLocaleString('en') ?? '',
    ]
    return `| ${cells.join(' | ')} |`
  })
  const bars = group.bars.flatMap(({ contender, over, atLeast }) => {
    if (!laps.has(contender) || !laps.has(over)) return []
    const { median } = spread(ratios(laps, contender, over, (lap) => lap.perSecond))
    const byCpu = spread(ratios(laps, over, contender, (lap) => lap.cpu)).median
    const verdict = median >= atLeast ? 'reached' : 'missed'
    return `- ${verdict}: \`${contender}\` >= ${atLeast} of \`${over}\`: ${ratio(laps, contender, over)}, by CPU ${byCpu.toFixed(2)}`
  })
  const head = `| ${group.title} | ratio (min..max) | ratio by CPU | req/s | CPU µs | body bytes |`
  return [head, '|---|---:|---:|---:|---:|---:|', ...rows, '', ...bars, ''].join('\n')
}

const ratio = (laps: Laps, name: string, base: string): string => {
  const { median, min, max } = spread(ratios(laps, name, base, (lap) => lap.perSecond))
  return name === base ? '1' : `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`
}

/** Round by round, because what disturbs a round disturbs both. */
const ratios = (laps: Laps, name: string, base: string, figure: (lap: Lap) => number): readonly number[] => {
  const own = laps.get(name) ?? []
  const other = laps.get(base) ?? []
  return own.flatMap((lap, round) => {
    const against = other[round]
    return against ? [figure(lap) / figure(against)] : []
  })
}
