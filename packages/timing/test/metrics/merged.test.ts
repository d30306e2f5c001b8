import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MergedMetrics } from '../../src/metrics/cluster.ts'

it('a gauge with a label `worker` of its own keeps it under another name', () => {
  const merged = new MergedMetrics()
  const gauge = { name: 'queue', help: 'Waiting.', kind: 'gauge' }
  merged.add({ ...gauge, values: [{ labels: { worker: 'mail' }, value: 1 }] }, 1)
  merged.add({ ...gauge, values: [{ labels: { worker: 'mail' }, value: 2 }] }, 2)
  merged.add({ ...gauge, values: [{ labels: { worker: 'print' }, value: 3 }] }, 2)
  assert.deepEqual(
    [...merged.all()].flatMap(({ values }) => values),
    [
      { labels: { exported_worker: 'mail', worker: 1 }, value: 1 },
      { labels: { exported_worker: 'mail', worker: 2 }, value: 2 },
      { labels: { exported_worker: 'print', worker: 2 }, value: 3 },
    ],
  )
})
