/** The service itself: `main.ts <port> <hands> <work>`. See index.ts. */
import { createServer, type ServerResponse } from 'node:http'

const [port = 0, hands = 1, work = 0] = process.argv.slice(2).map(Number)

const behaviour = { work, failing: 0 }
const waiting: ServerResponse[] = []
let busy = 0
let served = 0

function next(): void {
  if (busy >= hands) return
  const res = waiting.shift()
  if (res === undefined) return
  busy++
  setTimeout(() => {
    busy--
    served++
    // Every so many of a hundred: the same for everybody.
    const fails = served % 100 < behaviour.failing * 100
    res.writeHead(fails ? 500 : 200, { 'Content-Type': 'application/json' })
    res.end(JSON.stringify({ served }))
    next()
  }, behaviour.work)
}

const server = createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url ?? '/', 'http://upstream')
  if (pathname !== '/behave') {
    waiting.push(res)
    next()
    return
  }
  for (const name of ['work', 'failing'] as const) {
    const value = searchParams.get(name)
    if (value !== null) behaviour[name] = Number(value)
  }
  res.end()
})
server.keepAliveTimeout = 60_000
server.listen(port, '127.0.0.1', 4096, () => console.log('listening'))
