/**
 * What a hit in memory costs beside other caches, and what an entry takes: `npm run bench cache`.
 *
 * Each contender runs in a process of its own on one core, once a round, the rounds in rotated order. A ratio is the
 * median of the ratios within each round, with the least and the greatest. See README.md beside this file.
 */
import { parseArgs } from 'node:util'
import { base, contenders, own } from './cache/contenders.ts'
import { execute, pinned } from './overhead/machine.ts'
import { type Spread, spread } from './overhead/spread.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    keys: { type: 'string', default: '50000' },
    milliseconds: { type: 'string', default: '600' },
  },
})
const numbers = Object.fromEntries(
  Object.entries(options).map(([name, text]) => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < 1)
      throw new RangeError(`--${name}: expected a whole number from 1, got ${text}`)
    return [name, number]
  }),
)
const { rounds = 0, keys = 0, milliseconds = 0 } = numbers

interface Lap {
  readonly ns: number
  readonly bytes: number
}

const script = new URL('cache/lap.ts', import.meta.url).pathname
const lap = async (name: string): Promise<Lap> => {
  const flags = ['--expose-gc', ...process.execArgv]
  const [command, args] = pinned('server', process.execPath, [
    ...flags,
    script,
    name,
    String(keys),
    String(milliseconds),
  ])
  const { stdout } = await execute(command, args, { env: { ...process.env, NODE_ENV: 'production' } })
  const measured: Lap = JSON.parse(stdout)
  return measured
}

const names = Object.keys(contenders)
const laps = new Map<string, Lap[]>(names.map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  const from = round % names.length
  for (const name of [...names.slice(from), ...names.slice(0, from)]) {
    const measured = await lap(name)
    laps.get(name)?.push(measured)
    process.stderr.write(`${round + 1}/${rounds} ${name}: ${measured.ns.toFixed(0)} ns\n`)
  }
}

/** Round by round, because what disturbs a round disturbs both. */
const ratio = (name: string, over: string): Spread =>
  spread((laps.get(name) ?? []).map(({ ns }, round) => ns / (laps.get(over)?.[round]?.ns ?? Number.NaN)))
const shown = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`

const rows = names.map((name) => {
  const ns = spread((laps.get(name) ?? []).map((each) => each.ns)).median
  const bytes = spread((laps.get(name) ?? []).map((each) => each.bytes)).median
  const cells = [
    contenders[name]?.label,
    name === base ? '1' : shown(ratio(name, base)),
    ns.toFixed(0),
    bytes.toFixed(0),
  ]
  return `| ${cells.join(' | ')} |`
})
const bar = (isReached: boolean, what: string, figure: Spread): string =>
  `- ${isReached ? 'reached' : 'missed'}: ${what}: ${shown(figure)}`
const peers = names.filter((name) => name !== base && !name.startsWith(own))
console.log(
  [
    `| a hit by \`getOrSet\`, ${keys.toLocaleString('en')} keys, Zipf | ratio (min..max) | ns | bytes an entry |`,
    '|---|---:|---:|---:|',
    ...rows,
    '',
    bar(ratio(own, base).median <= 2, 'at most 2 times lru-cache and one await', ratio(own, base)),
    ...peers.map((name) => {
      const times = ratio(name, own)
      return bar(times.median >= 3, `${name} takes at least 3 times as long`, times)
    }),
    '',
  ].join('\n'),
)
