/** What compression costs, beside its peers: `pnpm bench compress`. See README.md beside this file. */
import { groups } from './compress/groups.ts'
import { race } from './overhead/race.ts'

await race(import.meta.resolve('./compress/groups.ts'), groups, [])
