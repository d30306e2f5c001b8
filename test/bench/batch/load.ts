import { fileURLToPath } from 'node:url'
import { execute, pinned } from '../overhead/machine.ts'
import { type Spread, spread } from '../overhead/spread.ts'
import { base, loaders } from './loaders.ts'

// What a load costs, of 1,000 in a tick: processor time, each contender in processes of its own, taking turns.

const rounds = 9
const script = fileURLToPath(new URL('load-lap.ts', import.meta.url))

const lap = async (name: string): Promise<number> => {
  const [command, args] = pinned('server', process.execPath, [...process.execArgv, script, name])
  const { stdout } = await execute(command, args, { env: { ...process.env, NODE_ENV: 'production' } })
  const { ns }: { ns: number } = JSON.parse(stdout)
  return ns
}

const names = Object.keys(loaders)
const laps = new Map<string, number[]>(names.map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  const from = round % names.length
  for (const name of [...names.slice(from), ...names.slice(0, from)]) laps.get(name)?.push(await lap(name))
}

/** Round by round, because what disturbs a round disturbs both. */
const ratio = (name: string): Spread =>
  spread((laps.get(name) ?? []).map((ns, round) => ns / (laps.get(base)?.[round] ?? Number.NaN)))

console.log('| 1,000 loads in a tick | ratio (min..max) | ns a key |\n|---|---:|---:|')
for (const name of names) {
  const { median, min, max } = ratio(name)
  const shown = name === base ? '1' : `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`
  console.log(`| ${loaders[name]?.label} | ${shown} | ${spread(laps.get(name) ?? []).median.toFixed(0)} |`)
}
console.log('')
