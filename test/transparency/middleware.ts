import compression from 'compression'
import cookieSession from 'cookie-session'
import type { RequestHandler } from 'express'
import session from 'express-session'
import type Koa from 'koa'
import koaCompress from 'koa-compress'
import koaSession from 'koa-session'
import koaStatic from 'koa-static'
import morgan from 'morgan'
import onHeaders from 'on-headers'
import serveStatic from 'serve-static'
import type { Around } from './hosts.ts'
import type { Run } from './run.ts'

const files = `${import.meta.dirname}/files`
const secret = 'the same for every run'

/** Middleware that other people wrote, which gets hold of the response's methods or events in its own way. */
export const expressMiddleware: Readonly<Record<string, (run: Run) => RequestHandler[]>> = {
  compression: () => [compression({ threshold: 0 })],
  'compression above a threshold': () => [compression({ threshold: 1000 })],
  morgan: (run) => [
    morgan(':method :url :status :res[content-length] :res[content-type] :res[x-a]', {
      stream: { write: (line) => run.mark(`log ${line}`) },
    }),
  ],
  'express-session': () => [
    session({ secret, resave: false, saveUninitialized: true, genid: () => 'one' }),
    (req, _res, next) => {
      Reflect.set(req.session, 'seen', 1)
      next()
    },
  ],
  'cookie-session': () => [
    cookieSession({ keys: [secret] }),
    (req, _res, next) => {
      Reflect.set(req, 'session', { seen: 1 })
      next()
    },
  ],
  'on-headers': () => [
    (_req, res, next) => {
      onHeaders(res, () => {
        res.setHeader('X-On-Headers', `${res.statusCode} ${String(res.getHeader('content-type'))}`)
      })
      next()
    },
  ],
  'serve-static': () => [serveStatic(files)],
  'a patched end': (run) => [
    (_req, res, next) => {
      const { end } = res
      res.end = (...args: unknown[]) => {
        run.mark('patched end')
        res.end = end
        return Reflect.apply(end, res, args)
      }
      next()
    },
  ],
  'patched writes': (run) => [
    (_req, res, next) => {
      const { write, end, writeHead } = res
      res.writeHead = (...args: unknown[]) => {
        run.mark('patched writeHead')
        return Reflect.apply(writeHead, res, args)
      }
      res.write = (...args: unknown[]) => {
        run.mark(`patched write ${String(args[0])}`)
        return Reflect.apply(write, res, args)
      }
      res.end = (...args: unknown[]) => {
        run.mark(`patched end ${res.headersSent} ${res.statusCode}`)
        return Reflect.apply(end, res, args)
      }
      next()
    },
  ],
  'a patched json': (run) => [
    (_req, res, next) => {
      const { json } = res
      res.json = (body: unknown) => {
        run.mark('patched json')
        return Reflect.apply(json, res, [{ wrapped: body }])
      }
      next()
    },
  ],
  everything: (run) =>
    ['morgan', 'compression', 'express-session', 'on-headers', 'patched writes'].flatMap(
      (name) => expressMiddleware[name]?.(run) ?? [],
    ),
}

export const koaMiddleware: Readonly<Record<string, (app: Koa, run: Run) => Koa.Middleware[]>> = {
  'koa-compress': () => [koaCompress({ threshold: 0, br: false })],
  'koa-session': (app) => [
    koaSession({ signed: false, maxAge: 'session' }, app),
    (ctx, next) => {
      if (ctx.session) Reflect.set(ctx.session, 'seen', 1)
      return next()
    },
  ],
  'koa-static': () => [koaStatic(files)],
  'koa-static, deferred': () => [koaStatic(files, { defer: true })],
  'a field afterwards': (_app, run) => [
    async (ctx, next) => {
      try {
        await next()
      } finally {
        run.mark(`afterwards ${ctx.status} ${ctx.type} ${ctx.length} ${typeof ctx.body} ${ctx.headerSent}`)
        if (!ctx.headerSent) ctx.set('X-After', String(ctx.length))
      }
    },
  ],
  'another body': () => [
    async (ctx, next) => {
      await next()
      if (typeof ctx.body === 'string') ctx.body = `<${ctx.body}>`
    },
  ],
  'an error page': () => [
    async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.status = 500
        ctx.body = `caught ${String(error)}`
      }
    },
  ],
}

/** Where a middleware can stand. */
export const places = ['before', 'behind'] as const

export const stand = <M>(place: (typeof places)[number], middleware: readonly M[]): Around<M> => ({
  before: place === 'before' ? middleware : [],
  behind: place === 'behind' ? middleware : [],
})
