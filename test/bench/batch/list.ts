import { processAll } from '@millrace/batch'

// Ten million numbers, one at a time and a hundred at a time: how long each takes, and how much memory is held meanwhile.

const items = 10_000_000

function* numbers(): Generator<number> {
  for (let i = 0; i < items; i++) yield i
}

console.log(
  '| 10,000,000 numbers | items per second | µs an item | heap at 10 %, MB | heap at most after, MB |',
)
console.log('|---|---:|---:|---:|---:|')
for (const size of [1, 100]) {
  let sum = 0
  let early = 0
  let most = 0
  const onProgress = ({ cursor }: { readonly cursor: number }): void => {
    const { heapUsed } = process.memoryUsage()
    if (cursor < items / 10) early = Math.max(early, heapUsed)
    else most = Math.max(most, heapUsed)
  }
  const add = (item: number): number => {
    sum += item
    return item
  }
  const work =
    size === 1
      ? processAll(numbers(), add, { onProgress })
      : processAll(numbers(), (some) => some.map(add), { onProgress, size })
  const { done, duration } = await work
  if (done !== items || sum !== (items * (items - 1)) / 2) throw new Error(`${done} were done, of sum ${sum}`)
  const cells = [
    Math.round((1000 * items) / duration).toLocaleString('en'),
    ((1000 * duration) / items).toFixed(2),
  ]
  const heaps = [early, most].map((heap) => (heap / 2 ** 20).toFixed(0))
  console.log(
    `| ${size === 1 ? 'one at a time' : `${size} at a time`} | ${[...cells, ...heaps].join(' | ')} |`,
  )
}
