import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Service {
  readonly port: number
  [Symbol.asyncDispose](): Promise<void>
}

/** A server for the time of a test. */
export const serve = async (app: RequestListener | Server): Promise<Service> => {
  const server = typeof app === 'function' ? createServer(app) : app
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
