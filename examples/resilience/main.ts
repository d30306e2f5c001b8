/**
 * A shop without and with a breaker, while a service that it asks stands still:
 *
 *     node --conditions=@millrace/source examples/resilience/main.ts [file.svg]
 *
 * Takes nine seconds, prints how many customers were served, and draws it.
 */
import { writeFile } from 'node:fs/promises'
import { graph } from './src/graph.ts'
import { askPrice, protectedPrice } from './src/price.ts'
import { type Course, run } from './src/run.ts'

const course: Course = { perSecond: 50, seconds: 9, outage: [2, 6] }
const [without, withMillrace] = await Promise.all([run(course, askPrice), run(course, protectedPrice)])

for (const [title, samples] of [
  ['without', without],
  ['with', withMillrace],
] as const) {
  for (const path of ['orders', 'quotes'] as const) {
    const all = samples.filter((sample) => sample.path === path)
    const good = all.filter(({ isGood }) => isGood)
    console.log(`${title} a breaker: ${good.length} of ${all.length} ${path}`)
  }
}

const file = process.argv[2] ?? 'resilience.svg'
const panels = [
  { title: 'without', samples: without },
  { title: 'with a breaker around the price', samples: withMillrace },
]
await writeFile(file, graph(panels, course))
console.log(`drawn in ${file}`)
