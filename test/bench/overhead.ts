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
import { parseArgs } from 'node:util'
import { contest, profile } from './overhead/contest.ts'
import { groups } from './overhead/groups.ts'
import { pinned, setting } from './overhead/machine.ts'
import { table } from './overhead/table.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true, default: [] },
    profile: { type: 'boolean', default: false },
  },
})

const positive = (name: 'rounds' | 'seconds'): number => {
  const number = Number(options[name])
  if (!Number.isInteger(number) || number < 1)
    throw new RangeError(`--${name}: expected a whole number from 1, got ${options[name]}`)
  return number
}
const rounds = positive('rounds')
const seconds = positive('seconds')

/** The group or contender names after `--only`; all of them when there are none. */
const only = options.only.flatMap((names) => names.split(','))
const known = new Set([
  'match',
  ...Object.entries(groups).flatMap(([name, group]) => [
    name,
    ...Object.keys(group.contenders).map((each) => `${name}/${each}`),
  ]),
])
for (const name of only)
  if (!known.has(name)) throw new RangeError(`--only: expected some of ${[...known].join(', ')}, got ${name}`)
const wanted = (name: string): boolean => only.length === 0 || only.includes(name)

console.log(`${setting}, ${rounds} rounds of ${seconds} s\n`)

for (const [name, group] of Object.entries(groups)) {
  const chosen = Object.keys(group.contenders).filter((each) => wanted(name) || wanted(`${name}/${each}`))
  if (chosen.length === 0) continue
  if (options.profile) {
    for (const [each, spots] of await profile(name, group, chosen, seconds))
      console.log(`${group.title}: ${group.contenders[each]?.label}\n\n${spots}\n`)
  } else {
    const entered = chosen.includes(group.base) ? chosen : [group.base, ...chosen]
    console.log(table(group, await contest(name, group, entered, { rounds, seconds })))
  }
}

if (wanted('match') && !options.profile) {
  const script = fileURLToPath(new URL('overhead/match.ts', import.meta.url))
  const [command, args] = pinned('server', process.execPath, [...process.execArgv, script])
  await once(spawn(command, args, { stdio: 'inherit' }), 'exit')
}
