/**
 * What prefetch finds on the traces: `npm run bench prefetch`. Nothing is timed, so it is the same on every machine.
 *
 * The traces' reader is not a part of what `@millrace/cache` exports, so this lives with its tests.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../../packages/cache/test/engine/prefetch-bench.ts', import.meta.url))
const [code] = await once(
  spawn(process.execPath, [...process.execArgv, script], { stdio: 'inherit' }),
  'exit',
)
process.exitCode = Number(code)
