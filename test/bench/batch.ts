/** What batches cost and bring: `pnpm bench batch`. See README.md beside this file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { race } from './overhead/race.ts'

const scripts = ['load', 'adaptive', 'endpoint', 'list']
for (const name of await race(import.meta.url, {}, scripts)) {
  const script = fileURLToPath(new URL(`batch/${name}.ts`, import.meta.url))
  await once(spawn(process.execPath, [...process.execArgv, script], { stdio: 'inherit' }), 'exit')
}
