import { type RequestListener, STATUS_CODES } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import {
  AmbiguousPathError,
  ClientGoneError,
  type Millrace,
  type Pipeline,
  problem,
  type Reply,
} from '@millrace/core'
import { answer } from './answer.ts'
import { NodeExchange, pipelineWithin } from './exchange.ts'
import type { HostRequest, HostResponse } from './host.ts'
import { type App, injector } from './inject.ts'
import { serve, startBehind } from './serve.ts'

/** What `http2.createServer` takes; its counterpart of `http` is `RequestListener`. */
export type Http2Listener = (req: Http2ServerRequest, res: Http2ServerResponse) => void

class ListenerExchange<Req extends HostRequest, Res extends HostResponse> extends NodeExchange {
  protected readonly app: App
  readonly run: () => unknown
  /** What the app threw while it ran, which is the process's to see, as without us. */
  thrown: { readonly error: unknown } | undefined

  constructor(mill: Millrace, pipeline: Pipeline, req: Req, res: Res, run: () => unknown, app: App) {
    super(mill, pipeline, req, res, req.url ?? '/')
    this.run = run
    this.app = app
  }

  protected reply(): Promise<Reply> {
    return this.capture.open(() => {
      try {
        this.run()
      } catch (error) {
        // As an exception in a bare listener is: uncaught.
        if (this.capture.replied) throwUncaught(error)
        this.thrown = { error }
        this.capture.fail(error)
      }
    })
  }
}

/**
 * Wraps an app from outside, so that what a layer answers never enters it:
 * `http.createServer(listener(mill, app))`. Works on any `(req, res)` function, on HTTP/1 and HTTP/2.
 */
export function listener(mill: Millrace, app: RequestListener): RequestListener
export function listener(mill: Millrace, app: Http2Listener): Http2Listener
export function listener<Req extends HostRequest, Res extends HostResponse>(
  mill: Millrace,
  app: (req: Req, res: Res) => unknown,
): (req: Req, res: Res) => void {
  const listen = (req: Req, res: Res): void => {
    let pipeline: Pipeline
    try {
      pipeline = pipelineWithin(req, mill, mill.match(req.method ?? 'GET', req.url ?? '/'))
    } catch (error) {
      if (!(error instanceof AmbiguousPathError)) throw error
      answer(res, problem(400, error.message), req.method === 'HEAD')
      return
    }
    if (pipeline.idle) {
      app(req, res)
      return
    }
    const run = (): unknown => app(req, res)
    serve(new ListenerExchange(mill, pipeline, req, res, run, whole), fail)
  }
  const whole: App = { handle: listen }
  mill.mounted(injector(whole))
  startBehind(mill)
  return listen
}

const fail = (exchange: ListenerExchange<HostRequest, HostResponse>, error: unknown): void => {
  if (error === exchange.thrown?.error) {
    exchange.capture.abandon()
    throwUncaught(error)
  } else if (!(error instanceof ClientGoneError)) exchange.send(failureOf(error))
}

/** A layer's error may say its status, as it may to Express and Koa. */
const failureOf = (error: unknown): Reply => {
  const said = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  const status = typeof said === 'number' && said >= 400 && said <= 599 && said % 1 === 0 ? said : 500
  return problem(status, STATUS_CODES[status])
}

const throwUncaught = (error: unknown): void => {
  queueMicrotask(() => {
    throw error
  })
}
