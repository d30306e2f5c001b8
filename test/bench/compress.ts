/** What compression costs, beside its peers: `pnpm bench compress`. See README.md beside this file. */
import { groups as besides, measure } from './compress/beside.ts'
import { groups } from './compress/groups.ts'
import { course, race } from './overhead/race.ts'

const others = await race(import.meta.resolve('./compress/groups.ts'), groups, Object.keys(besides))

for (const each of others) console.log(await measure(each, course()))
