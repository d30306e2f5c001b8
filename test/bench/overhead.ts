/**
 * What Millrace costs, and what a cache hit is worth: `pnpm bench overhead`.
 *
 * Ratios, not absolute numbers: each contender is a server in a process of its own on one core, the load comes from
 * another core over 64 connections, and contenders take turns, once a round each, in rotated order. A ratio is the
 * median of the ratios within each round, with the least and the greatest. Every contender must give the right answer
 * before and after it is timed. See README.md beside this file.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { groups } from './overhead/groups.ts'
import { pinned } from './overhead/machine.ts'
import { race } from './overhead/race.ts'

const module = import.meta.resolve('./overhead/groups.ts')
if ((await race(module, groups, ['match'])).includes('match')) {
  const script = fileURLToPath(new URL('overhead/match.ts', import.meta.url))
  const [command, args] = pinned('server', process.execPath, [...process.execArgv, script])
  await once(spawn(command, args, { stdio: 'inherit' }), 'exit')
}
