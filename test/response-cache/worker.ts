import { cache, memory, redis } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { hosts, serve } from './hosts.ts'

// One process of several that serve the same app over one Redis. It says its port, and then how often its handler has run.

const [url = '', prefix = ''] = process.argv.slice(2)

let runs = 0

const mill = millrace({
  // Thousands of connections at once keep a process busy for longer than the deadlines that are usual.
  plugins: [cache({ tiers: [memory(), redis({ url, prefix, deadline: '20s' })], tierTimeout: '20s' })],
  routes: { '/**': { cache: { ttl: '10m', lock: '30s', wait: '60s' } } },
})
await mill.start()
const { port } = await serve(
  hosts.Express(mill, async () => {
    runs++
    await new Promise((resolve) => setTimeout(resolve, 200))
    return { text: `of ${process.pid}` }
  }),
)

process.on('message', () => process.send?.(runs))
process.once('disconnect', () => process.exit())
process.send?.(port)
