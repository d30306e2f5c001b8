import { parseArgs } from 'node:util'
import { type Course, contest, profile } from './contest.ts'
import type { Groups } from './group.ts'
import { found, hasWrk, setting } from './machine.ts'
import { table } from './table.ts'

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

/** How long everything is measured, as the command line says. */
export const course = (): Course => ({ rounds: positive('rounds'), seconds: positive('seconds') })

/** The group or contender names after `--only`; all of them when there are none. */
const only = options.only.flatMap((names) => names.split(','))
const wanted = (name: string): boolean => only.length === 0 || only.includes(name)

/**
 * Runs the groups that the command line asks for, one after the other, and prints what comes out.
 *
 * @param module the address of what exports `groups`
 * @param others what else can be asked for by name
 * @returns which of these are to run
 */
export const race = async (
  module: string,
  groups: Groups,
  others: readonly string[],
): Promise<readonly string[]> => {
  const { rounds, seconds } = course()
  const known = new Set([
    ...others,
    ...Object.entries(groups).flatMap(([name, group]) => [
      name,
      ...Object.keys(group.contenders).map((each) => `${name}/${each}`),
    ]),
  ])
  for (const name of only)
    if (!known.has(name))
      throw new RangeError(`--only: expected some of ${[...known].join(', ')}, got ${name}`)

  console.log(`${setting}, ${rounds} rounds of ${seconds} s\n`)

  for (const [name, group] of Object.entries(groups)) {
    const chosen: string[] = []
    for (const [each, { label, needs, keys = 1 }] of Object.entries(group.contenders)) {
      if (!wanted(name) && !wanted(`${name}/${each}`)) continue
      const missing =
        needs !== undefined && !(await found(needs)) ? needs : keys > 1 && !hasWrk ? 'wrk' : undefined
      if (missing === undefined) chosen.push(each)
      else console.log(`Left out of ${name}, as ${missing} is not installed: ${label}\n`)
    }
    if (chosen.length === 0) continue
    if (options.profile) {
      for (const [each, spots] of await profile(module, name, group, chosen, seconds))
        console.log(`${group.title}: ${group.contenders[each]?.label}\n\n${spots}\n`)
    } else {
      const entered = chosen.includes(group.base) ? chosen : [group.base, ...chosen]
      console.log(table(group, await contest(module, name, group, entered, { rounds, seconds })))
    }
  }
  return options.profile ? [] : others.filter(wanted)
}
