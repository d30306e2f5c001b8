/**
 * What it costs to make a frame of a value and a value of a frame, beside JSON: `npm run bench frames`.
 *
 * Frames are not a part of what `@millrace/cache` exports, so this lives with their tests.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pinned } from './overhead/machine.ts'

const script = fileURLToPath(new URL('../../packages/cache/test/frames/bench.ts', import.meta.url))
const [command, args] = pinned('server', process.execPath, [...process.execArgv, script])
const [code] = await once(spawn(command, args, { stdio: 'inherit' }), 'exit')
process.exitCode = Number(code)
