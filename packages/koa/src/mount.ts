import {
  type AnyPlugin,
  ClientGoneError,
  type Millrace,
  type Pipeline,
  type Reply,
  type RouteRules,
} from '@millrace/core'
import { type App, CapturedReply, failures, NodeExchange, pipelineWithin, startBehind } from '@millrace/node'
import type { KoaContext } from './host.ts'
import { KoaReply, sayReply } from './koa-reply.ts'

export type Middleware = (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void>

/** Koa middleware from a Millrace. `use()` applies the table to everything below it; `use(rules)` adds rules inline. */
export type Use<P extends readonly AnyPlugin[]> = (rules?: RouteRules<P>) => Middleware

/** The middleware below: run at most once, and watched. */
class Downstream {
  settled = false
  #running: Promise<unknown> | undefined
  readonly #next: () => Promise<unknown>

  constructor(next: () => Promise<unknown>) {
    this.#next = next
  }

  run(): Promise<unknown> {
    this.#running ??= this.#next().finally(() => {
      this.settled = true
    })
    return this.#running
  }
}

class KoaExchange extends NodeExchange {
  readonly ctx: KoaContext
  readonly downstream: Downstream

  constructor(mill: Millrace, pipeline: Pipeline, ctx: KoaContext, next: () => Promise<unknown>) {
    super(mill, pipeline, ctx.req, ctx.res, ctx.originalUrl)
    this.ctx = ctx
    this.downstream = new Downstream(next)
  }

  protected get app(): App {
    return { handle: this.ctx.app.callback() }
  }

  override get route(): string {
    const { _matchedRoute } = this.ctx
    return typeof _matchedRoute === 'string' ? _matchedRoute : this.pipeline.route
  }

  override get client(): { readonly address: string } {
    return { address: this.ctx.ip }
  }

  override get native(): unknown {
    return this.ctx
  }

  protected reply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const written = this.capture.open(() => {
        this.downstream.run().then(() => {
          if (!this.capture.replied && this.ctx.respond !== false) resolve(new KoaReply(this.ctx))
        }, reject)
      })
      // A handler may also write to the response itself, at any time.
      written.then(resolve, reject)
    })
  }

  /** Makes Koa answer with what the layers returned. */
  async settle(reply: Reply): Promise<void> {
    const { capture, ctx, downstream } = this
    if (reply instanceof KoaReply) {
      reply.writeBack()
      capture.pass(reply.stream)
    } else if (reply instanceof CapturedReply && reply.capture !== capture) {
      capture.send(reply)
      ctx.respond = false
    } else if (!capture.opened) sayReply(ctx, reply, this.preset)
    else if (downstream.settled && !capture.replied && ctx.respond !== false) {
      sayReply(ctx, reply, this.preset)
      capture.pass()
    } else {
      const own = capture.replied && reply instanceof CapturedReply
      capture.send(reply)
      // Koa must not answer before a handler that writes by itself is through with it.
      if (own) await downstream.run()
      else ctx.respond = false
    }
  }
}

/** Koa 3 and 2. Starts the Millrace, if nobody has. */
export const mount = <P extends readonly AnyPlugin[]>(mill: Millrace<P>): Use<P> => {
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
        await exchange.settle(await pipeline.run(exchange))
      } catch (error) {
        if (error instanceof ClientGoneError) return
        if (failures.hasSubscribers) failures.publish({ exchange, error })
        exchange.capture.abandon()
        throw error
      }
    }
  }
}
