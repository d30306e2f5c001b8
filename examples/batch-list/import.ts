import { setTimeout as wait } from 'node:timers/promises'
import { type Processing, type Progress, processAll } from '@millrace/batch'

interface Row {
  readonly id: number
  readonly name: string
}

/** Rows as a file or a cursor of a database brings them: never all of them at once. */
async function* rows(from: number, to: number): AsyncGenerator<Row> {
  for (let id = from; id < to; id++) yield { id, name: id % 1000 === 999 ? '' : `City ${id}` }
}

/** A database that takes a few milliseconds for each insert, however many rows are in it, and no row without a name. */
const insert = async (all: readonly Row[], signal: AbortSignal): Promise<void> => {
  await wait(2 + all.length / 100, undefined, { signal })
  if (all.some(({ name }) => name === '')) throw new Error('a row has no name')
}

/** Up to 500 rows in an insert, as long as that takes no more than 5 ms; of those that fail the bad rows alone. */
export const importAll = (
  count: number,
  cursor: number,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Processing<Row, number> =>
  processAll(
    (from) => rows(from, count),
    async (all, context) => {
      await insert(all, context.signal)
      return all.map(({ id }) => id)
    },
    {
      name: 'import',
      size: { min: 10, max: 500, target: '5ms' },
      concurrency: 4,
      split: true,
      cursor,
      signal,
      onProgress,
    },
  )
