import type { AddressInfo } from 'node:net'
import { mount } from '@millrace/express'
import { adapterContract, type HostUnderTest, type Scene } from '@millrace/testing'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import express4 from 'express4'

const handler =
  (scene: Scene): RequestHandler =>
  async (req, res) => {
    switch (scene.does) {
      case 'json':
        res.json(scene.value)
        return
      case 'text':
        res.status(scene.status).send(scene.text)
        return
      case 'empty':
        res.status(scene.status).end()
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
        res.json('late')
    }
  }

const onError: ErrorRequestHandler = (error: Error, _req, res, _next) => {
  res.status(500).send(error.message)
}

const host = (
  name: string,
  create: () => Express,
  throwing: (handle: RequestHandler) => RequestHandler,
): HostUnderTest => ({
  name,
  routes: true,
  throws: false,
  async serve(mill, set) {
    const app = create()
    app.use(mount(mill)())
    for (const [path, scene] of set) app.get(path, throwing(handler(scene)))
    // An AmbiguousPathError says its own status, as http-errors do.
    app.use(((error: Error & { status?: number }, req, res, next) =>
      error.status === undefined
        ? onError(error, req, res, next)
        : next(error)) satisfies ErrorRequestHandler)
    app.set('env', 'test')
    const server = app.listen(0)
    await new Promise((resolve) => server.once('listening', resolve))
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

adapterContract(host('Express 5', express, (handle) => handle))
// Express 4 does not look at promises.
adapterContract(
  host('Express 4', express4, (handle) => (req, res, next) => {
    Promise.resolve(handle(req, res, next)).catch(next)
  }),
)
