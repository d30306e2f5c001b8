/**
 * How far a process grows while five million keys go through a memory tier of 64 MB: `npm run bench memory`. See
 * docs/cache-memory.md. Each kind of value in a process of its own, with V8 as it is and told to be thrifty.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { execute, pinned } from './overhead/machine.ts'

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '5000000' },
    policy: { type: 'string', default: 'lru' },
    kind: {
      type: 'string',
      multiple: true,
      default: ['number', 'text', 'object', 'pooled', 'bytes', 'body'],
    },
  },
})
const script = fileURLToPath(new URL('../../packages/cache/test/memory/growth.ts', import.meta.url))
const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)

console.log(
  [
    `| ${Number(options.keys).toLocaleString('en')} keys, ${options.policy}, in MB | entries | counted | kept | RSS, peak | heap and external, peak | RSS, thrifty | heap and external, thrifty |`,
    '|---|---:|---:|---:|---:|---:|---:|---:|',
  ].join('\n'),
)
for (const kind of options.kind) {
  const cells: string[] = [kind]
  for (const more of [[], ['--thrifty']]) {
    const [command, args] = pinned('server', process.execPath, [
      '--expose-gc',
      ...process.execArgv,
      script,
      ...['--kind', kind, '--keys', options.keys, '--policy', options.policy, ...more],
    ])
    const { stdout } = await execute(command, args)
    const grown: Readonly<Record<'entries' | 'counted' | 'kept' | 'rss' | 'held', number>> =
      JSON.parse(stdout)
    if (more.length === 0) {
      cells.push(grown.entries.toLocaleString('en'), megabytes(grown.counted), megabytes(grown.kept))
    }
    cells.push(megabytes(grown.rss), megabytes(grown.held))
  }
  console.log(`| ${cells.join(' | ')} |`)
}
