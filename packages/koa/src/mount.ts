import {
  type AnyPlugin,
  ClientGoneError,
  type Millrace,
  type Pipeline,
  type Reply,
  type RequestHeaders,
  type RouteRules,
  readyReply,
} from '@millrace/core'
import {
  type App,
  CapturedReply,
  failures,
  injector,
  lend,
  NodeExchange,
  pipelineWithin,
  startBehind,
} from '@millrace/node'
import type { KoaApp, KoaContext } from './host.ts'
import { isWhole, KoaReply, sayFirst, sayReply } from './koa-reply.ts'

export type Middleware = (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void>

/** Koa middleware from a Millrace. `use()` applies the table to everything below it; `use(rules)` adds rules inline. */
export type Use<P extends readonly AnyPlugin[]> = (rules?: RouteRules<P>) => Middleware

/** The middleware below, once it runs. */
interface Downstream {
  running: Promise<unknown> | undefined
  settled: boolean
}

class KoaExchange extends NodeExchange {
  readonly ctx: KoaContext
  readonly next: () => Promise<unknown>
  readonly downstream: Downstream = { running: undefined, settled: false }

  constructor(mill: Millrace, pipeline: Pipeline, ctx: KoaContext, next: () => Promise<unknown>) {
    super(mill, pipeline, ctx.req, ctx.res, ctx.originalUrl)
    this.ctx = ctx
    this.next = next
  }

  protected get app(): App {
    return appOf(this.ctx.app)
  }

  override get route(): string {
    const { _matchedRoute, mountPath } = this.ctx
    if (typeof _matchedRoute !== 'string') return this.pipeline.route
    // A router inside of koa-mount sees, and says, the rest of the path alone.
    const isMounted =
      typeof mountPath === 'string' && mountPath !== '/' && this.path.startsWith(`${mountPath}/`)
    return isMounted && !_matchedRoute.startsWith(mountPath) ? mountPath + _matchedRoute : _matchedRoute
  }

  override get scheme(): string {
    return this.ctx.protocol
  }

  override get client(): { readonly address: string } {
    return { address: this.ctx.ip }
  }

  override get native(): unknown {
    return this.ctx
  }

  protected override disguise(headers: RequestHeaders | undefined, url: string | undefined): () => void {
    const { ctx } = this
    const target = url === undefined ? {} : { originalUrl: url }
    const undo = [super.disguise(headers, url), lend(ctx, target), lend(ctx.request, target)]
    forget(ctx)
    return () => {
      for (const step of undo) step()
      forget(ctx)
    }
  }

  protected reply(): Promise<Reply> {
    const { capture, ctx, downstream } = this
    return capture.open(() => {
      downstream.running = this.next()
      downstream.running.then(
        () => {
          downstream.settled = true
          // A handler may also write to the response itself, at any time.
          if (capture.replied || ctx.respond === false) return
          if (capture.lifetime.whenHandlerEnds && isWhole(ctx.body)) capture.lifetime.handlerEnded()
          capture.offer(new KoaReply(ctx))
        },
        (error: unknown) => {
          downstream.settled = true
          capture.fail(error)
        },
      )
    })
  }

  /**
   * Makes Koa answer with what the layers returned.
   *
   * @returns what Koa has to wait for, if anything
   */
  settle(reply: Reply): Promise<unknown> | undefined {
    const { ctx, downstream } = this
    if (!this.opened && !(reply instanceof CapturedReply)) {
      // Of no use any more when Koa did not wait: nobody may be there to take an error.
      if (!ctx.res.headersSent) sayFirst(ctx, reply)
      return undefined
    }
    const { capture } = this
    if (reply instanceof KoaReply) {
      // Middleware further out that does not wait for `next()` lets Koa answer while the layers still run.
      if (capture.replied) capture.sendWritten(reply)
      else {
        reply.writeBack()
        // Who watches a body that a layer has replaced has seen what that layer has read of it, and not what goes out.
        capture.pass(reply.bodyChanged ? undefined : reply.stream)
      }
    } else if (reply instanceof CapturedReply && reply.capture !== capture) {
      capture.send(reply)
      ctx.respond = false
    } else if (downstream.settled && !capture.replied && ctx.respond !== false) {
      sayReply(ctx, reply, this.preset)
      capture.pass()
    } else {
      const own = capture.replied && reply instanceof CapturedReply
      capture.send(reply)
      // Koa must not answer before a handler that writes by itself is through with it.
      if (own) return downstream.running
      ctx.respond = false
    }
    return undefined
  }
}

/** Lets Koa look at the request again where it has kept what it found. */
const forget = ({ app, request }: KoaContext): void => {
  request.memoizedURL = undefined
  request._accept = undefined
  if (app.proxy) request.ip = ''
}

/** As it is when the request comes: middleware may have been added. */
const appOf = (app: KoaApp): App => ({
  handle: (req, res) => Reflect.apply(app.callback(), undefined, [req, res]),
})

/**
 * Koa 3 and 2. Starts the Millrace, if nobody has.
 *
 * @param app where requests go that no client's request is at hand for, as those of a warm-up
 */
export const mount = <P extends readonly AnyPlugin[]>(mill: Millrace<P>, app?: KoaApp): Use<P> => {
  if (app !== undefined) mill.mounted(injector(appOf(app)))
  startBehind(mill)
  return (rules) => {
    const inline = rules && mill.inline(rules)
    return async function millrace(ctx, next) {
      const pipeline = pipelineWithin(
        ctx.req,
        mill,
        inline ? inline() : mill.match(ctx.method, ctx.originalUrl),
      )
      if (pipeline.idle) {
        await next()
        return
      }
      const exchange = new KoaExchange(mill, pipeline, ctx, next)
      try {
        const running = pipeline.run(exchange)
        const waiting = exchange.settle(readyReply(running) ?? (await running))
        if (waiting !== undefined) await waiting
      } catch (error) {
        if (error instanceof ClientGoneError) return
        if (failures.hasSubscribers) failures.publish({ exchange, error })
        exchange.capture.abandon()
        throw error
      }
    }
  }
}
