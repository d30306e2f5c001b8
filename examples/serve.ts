/**
 * Serves one of the apps:
 *
 *     node --conditions=@millrace/source examples/serve.ts express+millrace 3000
 *
 * Started by `run.ts`, it says on which port it listens and how many handlers have run.
 */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { buildDatabase, Cities, queries } from './cities/src/index.ts'

/** What Express's and Koa's apps have in common. */
interface App {
  listen(port: number, host: string): Server
}

const apps: Readonly<Record<string, () => Promise<{ createApp(cities: Cities): App }>>> = {
  express: () => import('./express-cities/app.ts'),
  'express+millrace': () => import('./express-cities/app.millrace.ts'),
  koa: () => import('./koa-cities/app.ts'),
  'koa+millrace': () => import('./koa-cities/app.millrace.ts'),
}

async function listen(app: App, port: number): Promise<Server> {
  const server = app.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Another port when this one is taken: an example is not worth an error. */
async function listenSomewhere(app: App, port: number): Promise<Server> {
  try {
    return await listen(app, port)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return listen(app, 0)
    throw error
  }
}

const [name = '', port = '3000'] = process.argv.slice(2)
const load = apps[name]
if (load === undefined) throw new Error(`expected one of ${Object.keys(apps).join(', ')}, got "${name}"`)

let handlerCalls = 0
queries.subscribe(() => {
  handlerCalls += 1
})

await buildDatabase()
const cities = new Cities()
const { createApp } = await load()
const server = await listenSomewhere(createApp(cities), Number(port))
const address = server.address()
const listening = typeof address === 'object' ? address?.port : undefined

if (process.send === undefined) {
  console.log(`${name} serves http://127.0.0.1:${listening}`)
} else {
  // Ctrl-C goes to every process of the terminal; here the parent decides, by disconnecting.
  process.on('SIGINT', () => {})
  process.on('message', () => process.send?.(handlerCalls))
  process.on('disconnect', () => {
    server.close()
    server.closeAllConnections()
    cities.close()
  })
  process.send(listening)
}
