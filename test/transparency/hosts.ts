import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { listener } from '@millrace/node'
import express5, { type ErrorRequestHandler, type RequestHandler } from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import type { Ask } from './client.ts'
import { describe } from './outcome.ts'
import { perform, type Scene } from './perform.ts'
import { ask, type Op } from './program.ts'
import type { Run } from './run.ts'
import type { Wrapping } from './variants.ts'

export type Request = IncomingMessage | Http2ServerRequest
export type Response = ServerResponse | Http2ServerResponse
export type App = (req: IncomingMessage, res: ServerResponse) => void
export type Http2App = (req: Http2ServerRequest, res: Http2ServerResponse) => void

/** Middleware of other people, before Millrace and behind it. */
export interface Around<M> {
  readonly before: readonly M[]
  readonly behind: readonly M[]
}

/** The request that follows on the same connection, to see whether that is as it should be. */
export const probe: Ask = ask({ path: '/get/probe', fields: [['x-probe', 'yes']] })

export const isProbe = (req: { readonly headers: Request['headers'] }): boolean =>
  req.headers['x-probe'] !== undefined

const play = (ops: readonly Op[], scene: Scene, run: Run): Promise<void> | undefined => {
  if (isProbe(scene.req)) {
    scene.res.end('probed')
    return
  }
  const over = run.begin()
  let playing: Promise<void> | undefined
  try {
    playing = perform(ops, scene, run)
  } finally {
    if (!playing) over()
  }
  return playing?.finally(over)
}

/** A handler as one writes it for `node:http`. */
export const nodeApp =
  (ops: readonly Op[], run: Run) =>
  (req: Request, res: Response): Promise<void> | undefined =>
    play(ops, { req, res }, run)

export const onNode = (ops: readonly Op[], run: Run, { outside, inside }: Wrapping): App =>
  [...outside, ...inside].reduceRight<App>((app, mill) => listener(mill, app), nodeApp(ops, run))

export const onHttp2 = (ops: readonly Op[], run: Run, { outside, inside }: Wrapping): Http2App =>
  [...outside, ...inside].reduceRight<Http2App>((app, mill) => listener(mill, app), nodeApp(ops, run))

/** Express, with the program's handler below a router of its own on some paths. */
export const onExpress =
  (express: typeof express5) =>
  (
    ops: readonly Op[],
    run: Run,
    { outside, inside, inline }: Wrapping,
    around?: Around<RequestHandler>,
  ): App => {
    const app = express()
    app.set('env', 'test')
    app.engine('tpl', (_path, options, done) =>
      done(null, `<p>${JSON.stringify('title' in options ? options.title : '')}</p>`),
    )
    app.set('views', `${import.meta.dirname}/files`)
    const handler: RequestHandler = (req, res, next) => {
      run.send = (text) => res.send(text)
      return play(ops, { req, res, next }, run)
    }
    for (const middleware of around?.before ?? []) app.use(middleware)
    for (const mill of inside) app.use(mountExpress(mill)())
    for (const middleware of around?.behind ?? []) app.use(middleware)
    const own: RequestHandler[] = inline.map(({ mill, rules }) => mountExpress(mill)(rules))
    app.get('/get/:id', ...own, handler)
    app.post('/get/:id', (_req, res) => {
      res.send('posted')
    })
    const router = express.Router()
    const deeper = express.Router({ mergeParams: true })
    router.use('/deep', deeper)
    deeper.get('/:id', ...own, handler)
    app.use('/router/:outer', router)
    const sub = express()
    sub.set('env', 'test')
    sub.get('/:id', ...own, handler)
    app.use('/sub', sub)
    app.all('/at', ...own, handler)
    app.all('/at', (_req, res) => {
      res.send('the next route')
    })
    const onError: ErrorRequestHandler = (error, _req, res, next) => {
      run.call(`error handler ${describe(error)} sent ${res.headersSent}`)
      if (res.headersSent || res.req.path.includes('plain')) next(error)
      else
        res
          .status(
            error instanceof Error && 'status' in error && typeof error.status === 'number'
              ? error.status
              : 500,
          )
          .send(`error page: ${describe(error)}`)
    }
    app.use(onError)
    return outside.reduceRight<App>((inner, mill) => listener(mill, inner), app)
  }

export const onExpress5: ReturnType<typeof onExpress> = onExpress(express5)
export const onExpress4: ReturnType<typeof onExpress> = onExpress(express4)

type KoaAround = (app: Koa3) => Around<Koa3.Middleware>

const koaApp = (
  Koa: typeof Koa3,
  ops: readonly Op[],
  run: Run,
  { inside }: Wrapping,
  around?: KoaAround,
): Koa3 => {
  const app = new Koa()
  const { before, behind } = around?.(app) ?? { before: [], behind: [] }
  app.silent = true
  app.on('error', (error) => run.call(`app error ${describe(error)}`))
  for (const middleware of before) app.use(middleware)
  for (const mill of inside) app.use(mountKoa(mill)())
  for (const middleware of behind) app.use(middleware)
  app.use((ctx, next) => play(ops, { req: ctx.req, res: ctx.res, ctx, next }, run))
  app.use((ctx) => {
    ctx.body = 'the next middleware'
  })
  return app
}

export const onKoa =
  (Koa: typeof Koa3) =>
  (ops: readonly Op[], run: Run, wrapping: Wrapping, around?: KoaAround): App =>
    wrapping.outside.reduceRight<App>(
      (inner, mill) => listener(mill, inner),
      koaApp(Koa, ops, run, wrapping, around).callback(),
    )

export const onKoa3: ReturnType<typeof onKoa> = onKoa(Koa3)
export const onKoa2: ReturnType<typeof onKoa> = onKoa(Koa2)

/** Koa over HTTP/2 takes the compatibility classes for those of HTTP/1, which works. */
export const onKoaHttp2 = (ops: readonly Op[], run: Run, wrapping: Wrapping): Http2App => {
  const app = koaApp(Koa3, ops, run, wrapping).callback()
  return wrapping.outside.reduceRight<Http2App>(
    (inner, mill) => listener(mill, inner),
    (req, res) => Reflect.apply(app, undefined, [req, res]),
  )
}
