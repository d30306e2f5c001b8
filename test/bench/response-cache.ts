/**
 * What a hit of the response cache costs beside its floors and its peers: `npm run bench response-cache`.
 *
 * As in overhead.ts: ratios of interleaved rounds, each server in a process of its own. See README.md beside this file.
 */
import { fileURLToPath } from 'node:url'
import { execute, pinned } from './overhead/machine.ts'
import { race } from './overhead/race.ts'
import { groups } from './response-cache/groups.ts'

const module = import.meta.resolve('./response-cache/groups.ts')
const others = await race(module, groups, ['loop', 'memory'])

/** What a script beside this file prints, alone on the server's core. */
const printed = async (script: string, ...args: readonly string[]): Promise<string> => {
  const file = fileURLToPath(new URL(`response-cache/${script}.ts`, import.meta.url))
  const flags = ['--expose-gc', ...process.execArgv]
  const [command, all] = pinned('server', process.execPath, [...flags, file, ...args])
  const { stdout } = await execute(command, all, { env: { ...process.env, NODE_ENV: 'production' } })
  return stdout
}

if (others.includes('loop')) console.log(await printed('loop'))

if (others.includes('memory')) {
  console.log('| 64 MB of replies | replies | counted, MB | heap and external, MB | grown / counted |')
  console.log('|---|---:|---:|---:|---:|')
  for (const length of [500, 2000, 50_000]) {
    const { entries, counted, grown }: Readonly<Record<'entries' | 'counted' | 'grown', number>> = JSON.parse(
      await printed('filling', String(length), '64'),
    )
    const cells = [`${length.toLocaleString('en')} bytes each`, entries.toLocaleString('en')]
    const shown = [counted, grown].map((bytes) => (bytes / 2 ** 20).toFixed(1))
    console.log(`| ${[...cells, ...shown, (grown / counted).toFixed(2)].join(' | ')} |`)
  }
}
