/** What it costs to be seen: `pnpm bench observe`. See README.md beside this file. */
import { groups } from './observe/groups.ts'
import { race } from './overhead/race.ts'

await race(import.meta.resolve('./observe/groups.ts'), groups, [])
