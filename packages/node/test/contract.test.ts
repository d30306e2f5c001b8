import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listener } from '@millrace/node'
import { adapterContract, type Scene } from '@millrace/testing'

const handle = async (scene: Scene, req: IncomingMessage, res: ServerResponse): Promise<void> => {
  switch (scene.does) {
    case 'json':
      res.setHeader('Content-Type', 'application/json')
      res.end(JSON.stringify(scene.value))
      return
    case 'text':
      res.writeHead(scene.status, { 'Content-Type': 'text/plain' }).end(scene.text)
      return
    case 'empty':
      res.writeHead(scene.status).end()
      return
    case 'stream':
      for (const chunk of scene.chunks) {
        res.write(chunk)
        await scene.step()
      }
      res.end()
      return
    case 'throw':
      throw scene.error
    case 'wait':
      await scene.asked(req)
      res.writeHead(200, { 'Content-Type': 'application/json' })
      res.end('"late"')
  }
}

const matches = (pattern: string, path: string): boolean =>
  new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}$`).test(path)

adapterContract({
  name: 'listener on node:http',
  routes: false,
  throws: false,
  async serve(mill, set) {
    const server = createServer(
      listener(mill, (req: IncomingMessage, res: ServerResponse) => {
        const [path = ''] = (req.url ?? '').split('?')
        const found = set.find(([pattern]) => matches(pattern, path))
        if (found) void handle(found[1], req, res)
        else res.writeHead(404).end()
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, resolve))
    return {
      port: (server.address() as AddressInfo).port,
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        }),
    }
  },
})
