/**
 * Works through a list and shows how far it is; Ctrl-C breaks it off and says where to go on:
 *
 *     node --conditions=@millrace/source examples/batch-list/main.ts [items] [cursor]
 */

import { bar } from './bar.ts'
import { importAll } from './import.ts'

const [items = '20000', cursor = '0'] = process.argv.slice(2)
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())

const line = process.stderr.isTTY ? '\r\x1b[K' : ''
const work = importAll(Number(items), Number(cursor), interrupted.signal, (progress) => {
  if (line !== '' || progress.isOver)
    process.stderr.write(`${line}${bar(progress)}${progress.isOver ? '\n' : ''}`)
})

try {
  const { done, failures } = await work
  console.log(`${done} imported`)
  for (const { index, reason } of failures) console.log(`  not ${index}: ${reason}`)
} catch (error) {
  if (!interrupted.signal.aborted) throw error
  console.log(`go on with: main.ts ${items} ${work.progress.cursor}`)
  process.exitCode = 130
}
