import { startUpstream } from '@millrace-examples/upstream'
import { callers } from './callers.ts'
import { capacity, send } from './traffic.ts'

// One caller, once, in a process of its own with an upstream of its own: run with its name, prints its goodput as JSON.

const [name = ''] = process.argv.slice(2)
const caller = callers[name]
if (caller === undefined) throw new Error(`expected one of ${Object.keys(callers).join(', ')}, got ${name}`)
const upstream = await startUpstream(capacity)
try {
  console.log(JSON.stringify(await send(upstream, caller.make(upstream.origin))))
} finally {
  await upstream.server.kill()
}
process.exit()
