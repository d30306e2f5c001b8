import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import Router from '@koa/router'
import { mount } from '@millrace/koa'
import { adapterContract, type HostUnderTest, type Scene } from '@millrace/testing'
import Koa, { type Context, type Middleware } from 'koa'
import Koa2 from 'koa2'

const handler =
  (scene: Scene): Middleware =>
  async (ctx) => {
    switch (scene.does) {
      case 'json':
        ctx.body = scene.value
        return
      case 'text':
        ctx.status = scene.status
        ctx.body = scene.text
        return
      case 'empty':
        ctx.status = scene.status
        return
      case 'stream':
        ctx.body = streamed(scene.chunks, scene.step)
        return
      case 'throw':
        throw scene.error
      case 'wait':
        await scene.asked(ctx.req)
        ctx.body = 'late'
    }
  }

const streamed = (chunks: readonly string[], step: () => Promise<void>): PassThrough => {
  const stream = new PassThrough()
  const write = async (): Promise<void> => {
    for (const chunk of chunks) {
      stream.write(chunk)
      await step()
    }
    stream.end()
  }
  void write()
  return stream
}

const onError = async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
  try {
    await next()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    ctx.status = 'status' in error && typeof error.status === 'number' ? error.status : 500
    ctx.body = error.message
  }
}

const host = (name: string, create: () => Koa): HostUnderTest => ({
  name,
  routes: true,
  throws: true,
  async serve(mill, set) {
    const app = create()
    const router = new Router()
    for (const [path, scene] of set) router.get(path, handler(scene))
    app.use(onError)
    app.use(mount(mill)())
    app.use(router.routes())
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

adapterContract(host('Koa 3', () => new Koa()))
adapterContract(host('Koa 2', () => new Koa2()))
