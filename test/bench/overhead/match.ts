import { createHash } from 'node:crypto'
import { addRoute, createRouter, findAllRoutes } from 'rou3'
import { withRoutes } from './mills.ts'
import { spread } from './spread.ts'

// How long it takes to find what holds for a request among 1,000 rules, in a process of its own.

const resources = 333
const passes = 25

const patterns = [
  { method: '', path: '/**' },
  ...Array.from({ length: resources }, (_, i) => [
    { method: '', path: `/api/resource-${i}/**` },
    { method: 'GET', path: `/api/resource-${i}/:id` },
    { method: 'GET', path: `/api/resource-${i}/:id/items/:item` },
  ]).flat(),
]

/** A different path each, spread over all rules; strings as the HTTP parser makes them, not ropes. */
const paths = Array.from({ length: 100_000 }, (_, i) => {
  const dice = createHash('sha256').update(String(i)).digest()
  const collection = `/api/resource-${dice.readUInt32LE(0) % resources}`
  const id = dice.readUInt32LE(4)
  const path = i % 2 === 0 ? `${collection}/${id}` : `${collection}/${id}/items/${dice.readUInt16LE(8)}`
  return Buffer.from(path).toString('latin1')
})

/** Nanoseconds a path, for each of the passes over all of them. */
const measure = (find: (path: string) => unknown): readonly number[] =>
  Array.from({ length: passes + 5 }, () => {
    let found = 0
    const began = process.hrtime.bigint()
    for (const path of paths) if (find(path) !== undefined) found++
    const took = process.hrtime.bigint() - began
    if (found !== paths.length) throw new Error('a path was not found')
    return Number(took) / paths.length
  }).slice(5)

const mill = withRoutes(patterns.map(({ method, path }) => `${method} ${path}`.trim()))

const router = createRouter<string>()
for (const { method, path } of patterns) addRoute(router, method, path, path)

const row = (label: string, times: readonly number[]): string => {
  const { median, min, max } = spread(times)
  return `| ${label} | ${median.toFixed(0)} (${min.toFixed(0)}..${max.toFixed(0)}) |`
}

const own = measure((path) => mill.match('GET', path))
console.log(
  [
    `| What holds for a request, ${patterns.length.toLocaleString('en')} rules | ns (min..max) |`,
    '|---|---:|',
    row('`mill.match`: the composed pipeline', own),
    row(
      'rou3 `findAllRoutes`: the list of rules, still to be merged',
      measure((path) => findAllRoutes(router, 'GET', path)),
    ),
    '',
    `${spread(own).median < 300 ? 'reached' : 'missed'}: \`mill.match\` < 300 ns\n`,
  ].join('\n'),
)
