/**
 * As many processes as there are cores, or WORKERS of them, behind one port:
 *
 *     node --conditions=@millrace/source examples/one-machine/main.ts [folder]
 *
 * PORT says where (3000). With REDIS_URL they hear of each other's writes at once.
 */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from './app.ts'
import { createCache } from './cache.ts'
import { Notes } from './notes.ts'

const { PORT = '3000', WORKERS = String(availableParallelism()), REDIS_URL } = process.env
const folder = process.argv[2] ?? join(tmpdir(), 'millrace-notes')

if (cluster.isPrimary) {
  let listening = 0
  cluster.on('listening', (_worker, { port }) => {
    listening++
    if (listening === Number(WORKERS)) console.log(`${WORKERS} processes serve http://127.0.0.1:${port}`)
  })
  let isStopping = false
  cluster.on('exit', () => {
    if (!isStopping) cluster.fork()
  })
  for (let i = 0; i < Number(WORKERS); i++) cluster.fork()
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      isStopping = true
      cluster.disconnect()
    })
  }
} else {
  // Ctrl-C goes to every process of the terminal; the first one decides.
  process.on('SIGINT', () => {})
  const cache = createCache(join(folder, 'cache'), REDIS_URL)
  await cache.start()
  const server = createApp(cache, new Notes(join(folder, 'notes'))).listen(Number(PORT), '127.0.0.1')
  await once(process, 'disconnect')
  server.closeAllConnections()
  await cache.stop()
  process.exit()
}
