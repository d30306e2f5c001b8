/**
 * What a hit in Redis costs beside plain ioredis with auto-pipelining: `npm run bench redis`. 64 callers at a time, 10,000
 * values of 2 KB. See README.md beside this file.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { execute, pinned } from './overhead/machine.ts'
import { type Spread, spread } from './overhead/spread.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    milliseconds: { type: 'string', default: '1500' },
  },
})

/** Each row beside what does the same without Millrace. */
const rows = [
  { name: 'ioredis', label: 'ioredis: `get`, a string', base: 'ioredis' },
  { name: 'ioredis-json', label: 'ioredis: `get` and `JSON.parse`', base: 'ioredis-json' },
  { name: 'millrace', label: 'Millrace: `getOrSet`, an object', base: 'ioredis-json' },
  { name: 'ioredis-bytes', label: 'ioredis: `getBuffer`', base: 'ioredis-bytes' },
  { name: 'millrace-bytes', label: 'Millrace: `getOrSet`, a Buffer', base: 'ioredis-bytes' },
] as const

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}

const port = String(await freePort())
const [command, args] = pinned('client', 'redis-server', [
  ...['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
])
const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept')) break

interface Lap {
  readonly ns: number
  readonly cpu: number
}

const script = fileURLToPath(new URL('../../packages/cache/test/redis/lap.ts', import.meta.url))
const lap = async (name: string): Promise<Lap> => {
  const [command, args] = pinned('server', process.execPath, [
    ...[...process.execArgv, script],
    ...[name, port, options.milliseconds],
  ])
  const { stdout } = await execute(command, args, { env: { ...process.env, NODE_ENV: 'production' } })
  const measured: Lap = JSON.parse(stdout)
  return measured
}

const laps = new Map<string, Lap[]>(rows.map(({ name }) => [name, []]))
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    const from = round % rows.length
    for (const { name } of [...rows.slice(from), ...rows.slice(0, from)]) {
      const measured = await lap(name)
      laps.get(name)?.push(measured)
      process.stderr.write(
        `${round + 1}/${options.rounds} ${name}: ${(1e9 / measured.ns).toFixed(0)} a second\n`,
      )
    }
  }
} finally {
  server.kill()
}

/** Round by round, because what disturbs a round disturbs both. Above 1 is faster than the base. */
const ratio = (name: string, base: string, of: keyof Lap): Spread =>
  spread(
    (laps.get(name) ?? []).map((each, round) => (laps.get(base)?.[round]?.[of] ?? Number.NaN) / each[of]),
  )
const shown = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`

console.log('| 2 KB from Redis, 64 at a time | ratio (min..max) | by CPU | a second | CPU µs |')
console.log('|---|---:|---:|---:|---:|')
for (const { name, label, base } of rows) {
  const own = laps.get(name) ?? []
  const cells = [
    label,
    ...(name === base ? ['1', '1'] : [shown(ratio(name, base, 'ns')), shown(ratio(name, base, 'cpu'))]),
    (1e9 / spread(own.map(({ ns }) => ns)).median).toFixed(0),
    (spread(own.map(({ cpu }) => cpu)).median / 1000).toFixed(1),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
console.log('')
for (const [name, base] of [
  ['millrace', 'ioredis'],
  ['millrace', 'ioredis-json'],
  ['millrace-bytes', 'ioredis-bytes'],
] as const) {
  const figure = ratio(name, base, 'ns')
  console.log(
    `- ${figure.median >= 0.9 ? 'reached' : 'missed'}: ${name} at least 0.9 of ${base}: ${shown(figure)}`,
  )
}
