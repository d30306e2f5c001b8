import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Progress } from '@millrace/batch'
import { bar } from '../bar.ts'
import { importAll } from '../import.ts'

const never = new AbortController().signal

test('every row is imported but those that cannot be, and the bar tells of all', async () => {
  let last: Progress | undefined
  const keep = (progress: Progress): void => {
    last = progress
  }
  const { done, failures } = await importAll(3000, 0, never, keep)
  assert.equal(done, 2997)
  assert.deepEqual(
    failures.map(({ index, reason }) => [index, String(reason)]).sort(([a], [b]) => Number(a) - Number(b)),
    [999, 1999, 2999].map((index) => [index, 'Error: a row has no name']),
  )
  assert.ok(last)
  assert.match(bar(last), /^3,000 done, 3 failed, [\d,]+\/s, \d+ at once$/)
  assert.match(
    bar({ ...last, total: 6000, duration: 1000 }),
    /^\[#{15}\.{15}\] 50 % {2}3,000 done, .*, 1 s left$/,
  )
})

test('a run that is broken off goes on from its cursor', async () => {
  const interrupted = new AbortController()
  const first = importAll(2000, 0, interrupted.signal, () => undefined)
  const leave = async (): Promise<void> => {
    for await (const _ of first) interrupted.abort()
  }
  await assert.rejects(leave, { name: 'AbortError' })
  const { cursor } = first.progress
  assert.ok(cursor < 2000)
  const second = await importAll(2000, cursor, never, () => undefined)
  assert.equal(second.cursor, 2000)
  assert.equal(second.done + second.failed, 2000 - cursor)
})
