import {
  type Client,
  Exchange,
  fieldOf,
  HandlerAlreadyRanError,
  type HeaderMap,
  type Millrace,
  type Outcome,
  type Params,
  type Pipeline,
  pathOf,
  type Reply,
  type RequestHeaders,
  SyntheticRecursionError,
  type SyntheticRequest,
  searchOf,
  type Transformed,
  withSearch,
} from '@millrace/core'
import { answer } from './answer.ts'
import { Capture } from './capture.ts'
import { CapturedReply } from './captured-reply.ts'
import { contentOf } from './content.ts'
import { formsOf, lend } from './guise.ts'
import type { HostRequest, HostResponse } from './host.ts'
import { type App, causeOf, inject, nowhere } from './inject.ts'
import { announceTrailer } from './trailers.ts'
import { showContent } from './transformed.ts'

const current: unique symbol = Symbol('millrace.exchange')

declare module './host.ts' {
  interface HostRequest {
    /** The innermost exchange of this request, as its handler was given it. */
    [current]?: NodeExchange
  }
}

/**
 * An exchange over a `node:http` or `node:http2` request; an adapter says how its handler is run. No `#private`
 * fields: they are out of reach for exchanges made by `derive`.
 */
export abstract class NodeExchange extends Exchange {
  readonly req: HostRequest
  readonly res: HostResponse
  readonly mill: Millrace
  readonly pipeline: Pipeline
  readonly method: string
  readonly url: string
  /** The exchange that this one runs inside of, where Millraces or an inline `use` are nested. */
  readonly outer: NodeExchange | undefined
  /** This exchange itself, also seen from one derived of it: there is one capture for all. */
  protected readonly base: NodeExchange
  private made: Capture | undefined
  /** Whether a layer waits for the handler to flush. */
  private flushable = false
  private knownPath: string | undefined
  private knownQuery: URLSearchParams | undefined
  private knownParams: Params | undefined

  constructor(mill: Millrace, pipeline: Pipeline, req: HostRequest, res: HostResponse, url: string) {
    super()
    this.mill = mill
    this.pipeline = pipeline
    this.req = req
    this.res = res
    this.method = req.method ?? 'GET'
    this.url = url
    this.base = this
    this.outer = req[current]
  }

  /** What stands between the handler and the response; made when first asked for. */
  get capture(): Capture {
    return this.base.made ?? this.base.make()
  }

  /** Whether the handler has been run. */
  get opened(): boolean {
    return this.base.made?.opened ?? false
  }

  /** Sends what the layers returned. */
  send(reply: Reply): void {
    if (this.made || reply instanceof CapturedReply) this.capture.send(reply)
    else answer(this.res, reply, this.method === 'HEAD')
  }

  get origin(): NodeExchange {
    return this.outer?.origin ?? this.base
  }

  get path(): string {
    this.knownPath ??= pathOf(this.url)
    return this.knownPath
  }

  get query(): URLSearchParams {
    this.knownQuery ??= new URLSearchParams(searchOf(this.url))
    return this.knownQuery
  }

  get scheme(): string {
    return isEncrypted(this.req.socket) ? 'https' : 'http'
  }

  get httpVersion(): string {
    return this.req.httpVersion
  }

  get headers(): RequestHeaders {
    return this.req.headers
  }

  get params(): Params {
    this.knownParams ??= this.pipeline.params(this.path)
    return this.knownParams
  }

  get route(): string {
    return this.pipeline.route
  }

  get client(): Client {
    return { address: this.req.socket.remoteAddress ?? '' }
  }

  get signal(): AbortSignal {
    return this.capture.lifetime.signal
  }

  get done(): Promise<Outcome> {
    return this.capture.lifetime.done
  }

  get preset(): HeaderMap {
    return this.capture.preset
  }

  get synthetic(): object | undefined {
    return causeOf(this.req)
  }

  get native(): unknown {
    return { req: this.req, res: this.res }
  }

  handle(): Promise<Reply> {
    if (this.opened) return Promise.reject(new HandlerAlreadyRanError(this))
    this.req[current] = this
    if (this !== this.base) this.show()
    if (this.base.flushable) this.res.flush ??= flushNothing
    return this.reply()
  }

  /**
   * Lets the host's request say what this exchange says, where it was derived with other content, which stays, and with
   * other fields or another query: for the handler, until it has ended its answer, and for what else works on the host's own request inside of a layer.
   */
  show(): void {
    const { base, transformed } = this
    if (transformed !== undefined) showContent(this.req, this.res, transformed)
    const headers = this.headers === base.headers ? undefined : this.headers
    const url = this.url === base.url ? undefined : this.url
    if (headers === undefined && url === undefined) return
    base.keep()
    const { lifetime } = this.capture
    lifetime.handlerEnded()
    const undo = this.disguise(headers, url)
    const end = (): void => {
      this.req[current]?.base.keep()
      undo()
    }
    lifetime.whenHandlerEnds = end
  }

  /** What this exchange says stays, whatever its request is going to say; so it is for those around it. */
  private keep(): void {
    if (Object.hasOwn(this, 'headers')) return
    const { headers, client } = this
    Object.defineProperties(this, { headers: { value: { ...headers } }, client: { value: client } })
    this.outer?.base.keep()
  }

  /**
   * Gives the host's request other fields, or another query, also where the host has made something of them already.
   *
   * @returns what undoes it
   */
  protected disguise(headers: RequestHeaders | undefined, url: string | undefined): () => void {
    const { req } = this
    const giveBack = lend(req, {
      ...(headers && formsOf(req, headers, this.url)),
      ...(url !== undefined && req.originalUrl !== undefined && { originalUrl: url }),
    })
    // In part only: a router inside of which we are has taken its own path off.
    if (url !== undefined) req.url = withSearch(req.url ?? '/', url)
    return () => {
      giveBack()
      if (url !== undefined && req.url === withSearch(req.url ?? '/', url))
        req.url = withSearch(req.url, this.base.url)
    }
  }

  get transformed(): Transformed | undefined {
    return this.outer?.transformed
  }

  content(limit: number): Promise<Uint8Array | undefined> {
    return contentOf(this.req, this.res, limit, this.transformed)
  }

  trailer(name: string, value: () => string): boolean {
    // HTTP/1.0 has no chunks. Who does not ask for trailers may merge them into the head, or drop them.
    const takes = /(?:^|,)\s*trailers\s*(?:,|$)/i.test(fieldOf(this.req.headers, 'te') ?? '')
    if (!takes || this.method === 'HEAD' || this.httpVersion === '1.0') return false
    announceTrailer(this.res, name, value)
    return true
  }

  offerFlush(): void {
    if (this !== this.base) this.base.offerFlush()
    else this.flushable = true
  }

  async inject(request: SyntheticRequest): Promise<Reply> {
    if (this.synthetic) throw new SyntheticRecursionError()
    // Not from this machine: apps trust that, and show it more.
    const address = this.req.socket.remoteAddress ?? nowhere
    return inject(this.app, request, { scheme: request.scheme ?? this.scheme, address })
  }

  /** The whole app, as the server calls it. */
  protected abstract readonly app: App

  private make(): Capture {
    this.made = new Capture(this.res, this.method)
    return this.made
  }

  /** Runs the host's handler and resolves with its reply when the head is known. */
  protected abstract reply(): Promise<Reply>
}

/** Below a capture that knows what is to be flushed. */
const flushNothing = (): void => undefined

const isEncrypted = (socket: object): boolean => 'encrypted' in socket && socket.encrypted === true

/** The exchange as the innermost handler's layers passed it on: its `signal` is the one to obey. */
export const exchangeOf = (req: HostRequest): NodeExchange | undefined => req[current]

/** The pipeline for a request, less what has run already on an enclosing exchange of the same Millrace. */
export const pipelineWithin = (req: HostRequest, mill: Millrace, pipeline: Pipeline): Pipeline => {
  for (let outer = req[current]; outer; outer = outer.outer)
    if (outer.mill === mill) return pipeline.inside(outer.pipeline)
  return pipeline
}
