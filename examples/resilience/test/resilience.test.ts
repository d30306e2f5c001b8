import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graph } from '../src/graph.ts'
import { askPrice, protectedPrice } from '../src/price.ts'
import { type Course, run } from '../src/run.ts'
import type { Sample } from '../src/traffic.ts'

test('what stands still takes down who needs it not, and does not where there is a breaker', async () => {
  const course: Course = { perSecond: 30, seconds: 4, outage: [0.5, 3.5] }
  const [without, withMillrace] = await Promise.all([run(course, askPrice), run(course, protectedPrice)])
  const lost = (samples: readonly Sample[], path: Sample['path']): number =>
    samples.filter((sample) => sample.path === path && !sample.isGood).length
  assert.ok(lost(without, 'quotes') > 10)
  assert.ok(lost(without, 'orders') > 10, 'the cascade')
  assert.deepEqual([lost(withMillrace, 'orders'), lost(withMillrace, 'quotes')], [0, 0])

  const svg = graph([{ title: 'a', samples: without }], course)
  assert.equal(svg.match(/<polyline points="[\d., ]+"/g)?.length, 4)
  assert.doesNotMatch(svg, /NaN|undefined/)
})
