/**
 * What the eviction policies keep, and what they cost: `npm run bench policies`. See README.md beside this file.
 *
 * The engine is not a part of what `@millrace/cache` exports, so its benchmark lives with its tests.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pinned } from './overhead/machine.ts'

const script = fileURLToPath(new URL('../../packages/cache/test/eviction/bench.ts', import.meta.url))
const [command, args] = pinned('server', process.execPath, [...process.execArgv, script])
const [code] = await once(spawn(command, args, { stdio: 'inherit' }), 'exit')
process.exitCode = Number(code)
