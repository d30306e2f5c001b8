/**
 * The same endpoint before and after:
 *
 *     node --conditions=@millrace/source examples/batch-postgres/main.ts
 */
import { compare, table } from './compare.ts'
import { Database } from './database.ts'

const database = await Database.start()
try {
  console.log(table(await compare(database)))
} finally {
  await database.stop()
}
