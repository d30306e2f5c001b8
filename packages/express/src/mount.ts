import {
  AmbiguousPathError,
  type AnyPlugin,
  ClientGoneError,
  type Millrace,
  type Pipeline,
  type Reply,
  type RequestHeaders,
  type RouteRules,
} from '@millrace/core'
import { type App, injector, lend, NodeExchange, pipelineWithin, serve, startBehind } from '@millrace/node'
import type { ExpressApp, ExpressRequest, ExpressResponse } from './host.ts'
import { queryWith } from './query.ts'
import { routeLabel } from './route-label.ts'

export type Middleware = (req: ExpressRequest, res: ExpressResponse, next: (error?: unknown) => void) => void

/**
 * Express middleware from a Millrace. `use()` applies the table to every route below it; `use(rules)` adds rules
 * inline, on one route or router.
 */
export type Use<P extends readonly AnyPlugin[]> = (rules?: RouteRules<P>) => Middleware

class ExpressExchange extends NodeExchange {
  declare readonly req: ExpressRequest
  readonly next: (error?: unknown) => void

  constructor(
    mill: Millrace,
    pipeline: Pipeline,
    req: ExpressRequest,
    res: ExpressResponse,
    next: (error?: unknown) => void,
  ) {
    super(mill, pipeline, req, res, req.originalUrl)
    this.next = next
  }

  protected get app(): App {
    let { app } = this.req
    while (app.parent) app = app.parent
    return appOf(app)
  }

  override get route(): string {
    return routeLabel(this.req) ?? this.pipeline.route
  }

  override get scheme(): string {
    return this.req.protocol
  }

  override get client(): { readonly address: string } {
    return { address: this.req.ip ?? '' }
  }

  protected override disguise(headers: RequestHeaders | undefined, url: string | undefined): () => void {
    const { req } = this
    const undo = super.disguise(headers, url)
    if (url === undefined || !Object.hasOwn(req, 'query')) return undo
    const giveBack = lend(req, { query: queryWith(req, this.base.url, url) })
    return () => {
      undo()
      giveBack()
    }
  }

  protected reply(): Promise<Reply> {
    return this.capture.open(() => this.next())
  }
}

const appOf = (app: ExpressApp): App => ({
  handle: (req, res) => Reflect.apply(app, undefined, [req, res]),
})

/**
 * Express 5 and 4. Starts the Millrace, if nobody has.
 *
 * @param app the outermost app: where requests go that no client's request is at hand for, as those of a warm-up
 */
export const mount = <P extends readonly AnyPlugin[]>(mill: Millrace<P>, app?: ExpressApp): Use<P> => {
  if (app !== undefined) mill.mounted(injector(appOf(app)))
  startBehind(mill)
  return (rules) => {
    const inline = rules && mill.inline(rules)
    return function millrace(req, res, next) {
      let pipeline: Pipeline
      try {
        pipeline = pipelineWithin(req, mill, inline ? inline() : mill.match(req.method, req.originalUrl))
      } catch (error) {
        if (!(error instanceof AmbiguousPathError)) throw error
        next(error)
        return
      }
      if (pipeline.idle) {
        next()
        return
      }
      serve(new ExpressExchange(mill, pipeline, req, res, next), fail)
    }
  }
}

const fail = (exchange: ExpressExchange, error: unknown): void => {
  if (error instanceof ClientGoneError) return
  exchange.capture.abandon()
  exchange.next(error)
}
