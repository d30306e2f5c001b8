import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import type { AnyPlugin, Millrace } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import express4 from 'express4'
import Koa from 'koa'

/** What a handler does to who asks. */
export type Deed =
  | 'well'
  | 'fails'
  | 'throws'
  | 'hangs'
  | 'late'
  | 'breaks'
  | 'throws-late'
  | 'endless'
  | 'left'

/** Streams without an end that are still being read. */
export const endless: Set<Readable> = new Set()

/** Milliseconds that a late handler takes: longer than its deadline. */
export interface Terms {
  readonly late: number
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('{"half":')
  throw new Error('no more')
}

const forever = (): Readable => {
  const stream = Readable.from(
    (async function* () {
      for (;;) {
        await wait(1)
        yield Buffer.from('again\n')
      }
    })(),
  )
  endless.add(stream)
  return stream.once('close', () => endless.delete(stream))
}

const deedOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

interface ExpressLike {
  (req: IncomingMessage, res: ServerResponse): unknown
  set(setting: string, value: unknown): unknown
  use(handler: ReturnType<ReturnType<typeof mountExpress>> | ErrorRequestHandler): unknown
  get(path: RegExp, handler: RequestHandler): unknown
}

type Host = (mill: Millrace<readonly AnyPlugin[]>, terms: Terms) => RequestListener

const onExpress =
  (make: () => ExpressLike): Host =>
  (mill, { late }) => {
    const app = make()
    app.set('env', 'test')
    app.use(mountExpress(mill)())
    app.get(/.*/, (req, res, next) => {
      const deed = deedOf(req.path)
      if (deed === 'well') res.json({ well: true })
      else if (deed === 'fails') res.status(500).json({ well: false })
      else if (deed === 'throws') next(new Error('no'))
      else if (deed === 'late') setTimeout(() => res.json({ late: true }), late)
      else if (deed === 'breaks')
        Readable.from(broken())
          .on('error', (error) => res.destroy(error))
          .pipe(res)
      else if (deed === 'throws-late') {
        res.write('{"half":')
        next(new Error('no'))
      } else if (deed === 'endless') {
        const stream = forever()
        res.once('close', () => stream.destroy())
        stream.pipe(res)
      }
    })
    app.use(((_error, _req, res, next) => {
      if (res.headersSent) next(_error)
      else res.status(500).json({ well: false })
    }) satisfies ErrorRequestHandler)
    return app
  }

const onKoa: Host = (mill, { late }) => {
  const app = new Koa()
  app.silent = true
  app.use(mountKoa(mill)())
  app.use(async (ctx) => {
    const deed = deedOf(ctx.path)
    if (deed === 'well') ctx.body = { well: true }
    else if (deed === 'fails') ctx.status = 500
    else if (deed === 'throws') throw new Error('no')
    else if (deed === 'late') {
      await wait(late)
      ctx.body = { late: true }
    } else if (deed === 'breaks') ctx.body = Readable.from(broken())
    else if (deed === 'throws-late') {
      const body = new PassThrough()
      body.write('{"half":')
      ctx.body = body
      setImmediate(() => body.destroy(new Error('no')))
    } else if (deed === 'endless') ctx.body = forever()
    else await new Promise(() => undefined)
  })
  return app.callback()
}

export const hosts: Readonly<Record<string, Host>> = {
  'Express 5': onExpress(() => express()),
  'Express 4': onExpress(() => express4()),
  'Koa 3': onKoa,
}
