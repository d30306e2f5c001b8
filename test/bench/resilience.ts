/**
 * What a breaker costs, and what it is worth: `npm run bench resilience`.
 *
 * Each contender runs in a process of its own, once a round, the rounds in rotated order. See README.md beside this file.
 */
import { parseArgs } from 'node:util'
import { execute, pinned } from './overhead/machine.ts'
import { type Spread, spread } from './overhead/spread.ts'
import { callers } from './resilience/callers.ts'
import { base, calls } from './resilience/calls.ts'
import { peers } from './resilience/peers.ts'
import { phases } from './resilience/traffic.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    milliseconds: { type: 'string', default: '500' },
    only: { type: 'string', multiple: true, default: [] },
  },
})
const [rounds, milliseconds] = (['rounds', 'milliseconds'] as const).map((name) => {
  const number = Number(options[name])
  if (!Number.isInteger(number) || number < 1)
    throw new RangeError(`--${name}: expected a whole number from 1, got ${options[name]}`)
  return number
})
const groups = ['calls', 'many', 'goodput'] as const
const only = options.only.flatMap((names) => names.split(','))
for (const name of only) {
  if (!groups.some((group) => group === name))
    throw new RangeError(`--only: expected some of ${groups.join(', ')}, got ${name}`)
}
const isWanted = (group: (typeof groups)[number]): boolean => only.length === 0 || only.includes(group)

/** What one contender prints, in each round. */
const contest = async <T>(
  group: string,
  names: readonly string[],
  script: string,
  args: readonly (string | number | undefined)[],
  isPinned = true,
): Promise<ReadonlyMap<string, readonly T[]>> => {
  const laps = new Map<string, T[]>(names.map((name) => [name, []]))
  const path = new URL(`resilience/${script}`, import.meta.url).pathname
  for (let round = 0; round < (rounds ?? 0); round++) {
    const from = round % names.length
    for (const name of [...names.slice(from), ...names.slice(0, from)]) {
      const line = ['--expose-gc', ...process.execArgv, path, name, ...args.map(String)]
      const [command, given] = isPinned
        ? pinned('server', process.execPath, line)
        : ([process.execPath, line] as const)
      const { stdout } = await execute(command, given, { env: { ...process.env, NODE_ENV: 'production' } })
      const lap: T = JSON.parse(stdout)
      laps.get(name)?.push(lap)
      process.stderr.write(`${group} ${round + 1}/${rounds} ${name}: ${stdout}`)
    }
  }
  return laps
}

const median = (values: readonly number[]): number => spread(values).median
const shown = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`
const bar = (isReached: boolean, what: string): string => `- ${isReached ? 'reached' : 'missed'}: ${what}`

if (isWanted('calls')) {
  const laps = await contest<number>('calls', Object.keys(calls), 'lap.ts', [milliseconds])
  /** Round by round, because what disturbs a round disturbs both. */
  const ratio = (name: string, over: string): Spread =>
    spread((laps.get(name) ?? []).map((ns, round) => ns / (laps.get(over)?.[round] ?? Number.NaN)))
  const rows = Object.entries(calls).map(([name, { label }]) => {
    const overOpossum = name === base ? '' : shown(ratio(name, 'opossum'))
    return `| ${label} | ${median(laps.get(name) ?? []).toFixed(0)} | ${overOpossum} |`
  })
  const [opossum, cockatiel] = [ratio('millrace', 'opossum'), ratio('millrace', 'cockatiel')]
  console.log(
    [
      '| around an async function that adds | ns | over opossum (min..max) |',
      '|---|---:|---:|',
      ...rows,
      '',
      bar(opossum.median <= 1.5, `at most 1.5 times opossum: ${shown(opossum)}`),
      bar(cockatiel.median <= 1 / 3, `at most a third of cockatiel: ${shown(cockatiel)}`),
      '',
    ].join('\n'),
  )
}

if (isWanted('many')) {
  const names = ['millrace', ...Object.keys(peers).filter((name) => name !== 'cockatiel-aggressive')]
  const label = (name: string): string => peers[name]?.label ?? '**Millrace: one rule with `key`**'
  const [idle, busy] = [
    await contest<{ bytes: number; timers: number }>('many, once', names, 'many.ts', [1]),
    await contest<{ bytes: number; timers: number }>('many, 100 times', names, 'many.ts', [100]),
  ]
  const bytes = (laps: typeof idle, name: string): string =>
    median((laps.get(name) ?? []).map(({ bytes }) => bytes)).toFixed(0)
  const timers = (name: string): string =>
    median((idle.get(name) ?? []).map(({ timers }) => timers)).toFixed(2)
  console.log(
    [
      '| 10,000 breakers with timeout | bytes each, called once | called 100 times | timers each |',
      '|---|---:|---:|---:|',
      ...names.map(
        (name) => `| ${label(name)} | ${bytes(idle, name)} | ${bytes(busy, name)} | ${timers(name)} |`,
      ),
      '',
    ].join('\n'),
  )
}

if (isWanted('goodput')) {
  const laps = await contest<readonly number[]>('goodput', Object.keys(callers), 'goodput.ts', [], false)
  console.log(
    [
      `| answered well within a second | ${phases.map(({ name, perSecond }) => `${name}, ${perSecond}/s`).join(' | ')} |`,
      `|---|${phases.map(() => '---:|').join('')}`,
      ...Object.entries(callers).map(([name, { label }]) => {
        const shares = phases.map((_, phase) =>
          median((laps.get(name) ?? []).map((lap) => lap[phase] ?? Number.NaN)),
        )
        return `| ${label} | ${shares.map((share) => `${(100 * share).toFixed(0)} %`).join(' | ')} |`
      }),
      '',
    ].join('\n'),
  )
}
