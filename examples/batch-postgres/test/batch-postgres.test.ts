import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, table } from '../compare.ts'
import { Database } from '../database.ts'

/** PostgreSQL comes as a package: without one for this platform there is nothing to ask, but never in CI. */
const start = async (): Promise<Database | undefined> => {
  try {
    return await Database.start()
  } catch (error) {
    if (process.env.CI) throw error
    return undefined
  }
}

test('a hundred rows take two queries and not a hundred and one, with the same answer', async (t) => {
  const database = await start()
  if (database === undefined) {
    t.skip('no PostgreSQL for this platform')
    return
  }
  try {
    const measured = await compare(database)
    const [before, after] = measured
    assert.deepEqual(before?.queries, [101, 1010])
    assert.equal(after?.queries[0], 2)
    // Ten lists, and their countries in as many batches at most.
    assert.ok((after?.queries[1] ?? 0) <= 20)
    assert.equal(after?.answer, before?.answer)
    assert.equal(JSON.parse(after?.answer ?? '[]').length, 100)
    assert.match(table(measured), /one by one +101 .*\ntogether +2 /)
  } finally {
    await database.stop()
  }
})
