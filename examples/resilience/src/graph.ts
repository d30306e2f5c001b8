import type { Course } from './run.ts'
import type { Sample } from './traffic.ts'

const [width, height, gap, left, top] = [420, 150, 60, 60, 50]
/** Milliseconds that one point of a line stands for. */
const step = 100
const colours = { orders: '#1b6ca8', quotes: '#d1495b' } as const
const paths = ['orders', 'quotes'] as const
/** Milliseconds at the lower and the upper edge of the latencies, which are logarithmic. */
const [least, most] = [1, 4000]

interface Panel {
  readonly title: string
  readonly samples: readonly Sample[]
}

/** Latency above, failures below, over time; one column for each panel. The outage is grey. */
export function graph(panels: readonly Panel[], { seconds, outage }: Course): string {
  const columns = panels.map(({ title, samples }, index) => {
    const x = left + index * (width + gap)
    const text = `<text x="${x}" y="${top - 15}" font-weight="bold">${title}</text>`
    const rows = [
      row(x, top, 'slowest, ms', latencyMarks, (at, path) => logarithmic(slowest(samples, at, path))),
      row(x, top + height + gap, 'failed, %', shareMarks, (at, path) => failed(samples, at, path)),
    ]
    return text + rows.join('')
  })
  const total = [left + panels.length * (width + gap), top + 2 * (height + gap) + 20]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total.join(' ')}" font-family="sans-serif" font-size="12">`,
    '<title>Latency and failures over time</title>',
    `<rect width="100%" height="100%" fill="white"/>`,
    ...columns,
    ...paths.map(
      (path, index) =>
        `<text x="${left + index * 80}" y="${(total[1] ?? 0) - 12}" fill="${colours[path]}">/${path}</text>`,
    ),
    '</svg>',
    '',
  ].join('\n')

  function row(
    x: number,
    y: number,
    title: string,
    marks: readonly (readonly [label: string, share: number])[],
    shareAt: (at: number, path: Sample['path']) => number | undefined,
  ): string {
    const toX = (ms: number): number => rounded(x + (ms / (seconds * 1000)) * width)
    const toY = (share: number): number => rounded(y + height * (1 - share))
    const [from, to] = outage.map((second) => toX(second * 1000))
    const parts = [
      `<rect x="${from}" y="${y}" width="${(to ?? 0) - (from ?? 0)}" height="${height}" fill="#eee"/>`,
      `<text x="${x}" y="${y - 4}" fill="#666">${title}</text>`,
      ...marks.map(
        ([label, share]) =>
          `<path d="M${x} ${toY(share)}h${width}" stroke="#ccc"/>` +
          `<text x="${x - 6}" y="${toY(share) + 4}" text-anchor="end" fill="#666">${label}</text>`,
      ),
      ...Array.from(
        { length: seconds + 1 },
        (_, second) =>
          `<text x="${toX(second * 1000)}" y="${y + height + 15}" text-anchor="middle" fill="#666">${second} s</text>`,
      ),
    ]
    for (const path of paths) {
      const points: string[] = []
      for (let at = 0; at < seconds * 1000; at += step) {
        const value = shareAt(at, path)
        if (value !== undefined) points.push(`${toX(at + step / 2)},${toY(value)}`)
      }
      parts.push(
        `<polyline points="${points.join(' ')}" fill="none" stroke="${colours[path]}" stroke-width="1.5"/>`,
      )
    }
    return parts.join('\n')
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10

const within = (samples: readonly Sample[], from: number, path: Sample['path']): readonly Sample[] =>
  samples.filter((sample) => sample.path === path && sample.at >= from && sample.at < from + step)

const slowest = (samples: readonly Sample[], at: number, path: Sample['path']): number | undefined => {
  const some = within(samples, at, path)
  return some.length === 0 ? undefined : Math.max(...some.map(({ took }) => took))
}

const failed = (samples: readonly Sample[], at: number, path: Sample['path']): number | undefined => {
  const some = within(samples, at, path)
  return some.length === 0 ? undefined : some.filter(({ isGood }) => !isGood).length / some.length
}

const logarithmic = (ms: number | undefined): number | undefined =>
  ms === undefined
    ? undefined
    : Math.log(Math.min(Math.max(ms, least), most) / least) / Math.log(most / least)

const latencyMarks = [1, 10, 100, 1000].map((ms) => [String(ms), logarithmic(ms) ?? 0] as const)
const shareMarks = [0, 50, 100].map((percent) => [String(percent), percent / 100] as const)
