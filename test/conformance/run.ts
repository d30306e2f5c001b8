import { parseArgs } from 'node:util'
import { hosts, isHostName } from './hosts.ts'
import { tally } from './suite.ts'
import { underSuite } from './under-suite.ts'

const usage = `Usage: run.ts [--host <${Object.keys(hosts).join(' | ')}>] [--suite <id>] [--id <id>] [--dump]
One test (--id) shows its requests and responses, as the client and as the origin sees them; others do so with --dump.`

const {
  values: { host, suite, id, dump },
} = parseArgs({
  options: {
    host: { type: 'string', default: 'express' },
    suite: { type: 'string' },
    id: { type: 'string' },
    dump: { type: 'boolean', default: false },
  },
})

const verdicts = isHostName(host) ? await underSuite(host, { suite, id, dump: dump || id !== undefined }) : []
for (const { suite, id, kind, mark, message } of verdicts) {
  console.log([mark, kind.padEnd(8), `${suite}/${id}`.padEnd(60), message].join(' '))
}
if (verdicts.length === 0) {
  console.error(usage)
  process.exitCode = 1
} else console.log(tally(verdicts))
