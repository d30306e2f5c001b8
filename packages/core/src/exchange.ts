import type { HeaderMap } from './header-map.ts'
import type { Reply } from './reply.ts'

/** Values of a request's path by the `:name`s of the patterns that match it, percent-decoded. */
export type Params = Readonly<Record<string, string>>

/** Request header fields: lower-case names; a name that came several times joined as node:http does. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

/** How an exchange ended. */
export interface Outcome {
  /** Body bytes that the handler or a layer gave to be sent. */
  readonly bytes: number
  /** The connection closed before the whole reply was handed to the system. */
  readonly aborted: boolean
}

/** Who is asking. */
export interface Client {
  /** The address as the host sees it (Express: `req.ip`, Koa: `ctx.ip`, so their proxy settings hold). */
  readonly address: string
}

/** A request that Millrace makes by itself. */
export interface SyntheticRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Path and query. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
  /** Who asks and what for: the new exchange's `synthetic`. */
  readonly cause: object
}

/** One request on its way through the layers. Read-only. */
export abstract class Exchange<P = Params> {
  /** Upper-case, as sent. */
  abstract readonly method: string
  /** The request target as sent: path and query. */
  abstract readonly url: string
  /** The path part of the target as sent: not decoded, not normalised. */
  abstract readonly path: string
  abstract readonly query: URLSearchParams
  abstract readonly headers: RequestHeaders
  abstract readonly params: P
  /**
   * A label of few values: the host's own route pattern (`/cities/:id`) once its router has found one, else the
   * most specific pattern of the table. Never the raw path.
   */
  abstract readonly route: string
  abstract readonly client: Client
  /** Aborts when the client is gone, or when a layer has answered and nobody waits for the handler any more. */
  abstract readonly signal: AbortSignal
  /** Settles exactly once, after the last byte or when the client is gone; never rejects. */
  abstract readonly done: Promise<Outcome>
  /**
   * Header fields that were on the response before this exchange began, set by middleware further out. A reply of
   * the handler's includes them, and a reply of a layer's is sent with them.
   */
  abstract readonly preset: HeaderMap
  /** For a request made by `inject`, what it was made for; else undefined. */
  abstract readonly synthetic: object | undefined
  /** Express: `{ req, res }`; Koa: `ctx`; `listener`: `{ req, res }`. */
  abstract readonly native: unknown

  /**
   * Runs the host's handler; the end of every pipeline. A host runs its handler once per request, so a second
   * call rejects with {@link HandlerAlreadyRanError}.
   */
  abstract handle(): Promise<Reply>

  /**
   * Sends another request through the whole app, in this process: for what needs another run of a handler (background
   * refresh, warm-up, sub-requests). Its reply's body is a stream.
   *
   * @throws SyntheticRecursionError (as a rejection) when this exchange is itself synthetic
   */
  abstract inject(request: SyntheticRequest): Promise<Reply>
}

/** The same exchange with another signal: what a layer passes to `next` to put a deadline on what follows. */
export const derive = <X extends Exchange<unknown>>(
  exchange: X,
  change: { readonly signal: AbortSignal },
): X => Object.create(exchange, { signal: { value: change.signal, enumerable: true } })

/** A layer called `next` twice on a route. Retry belongs around calls (`mill.wrap`) or injected requests. */
export class HandlerAlreadyRanError extends Error {
  override readonly name = 'HandlerAlreadyRanError'
  readonly code = 'ERR_MILLRACE_HANDLER_ALREADY_RAN'

  constructor(exchange: { readonly method: string; readonly route: string }) {
    super(
      `the handler of ${exchange.method} ${exchange.route} has run already: on a route it can run once per request. ` +
        'Retry around a call (mill.wrap) or by injecting a request.',
    )
  }
}

/** The client left before there was a reply. Nobody is there to be told; layers see it to give back what they hold. */
export class ClientGoneError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ERR_MILLRACE_CLIENT_GONE'

  constructor() {
    super('the client closed the connection before the reply')
  }
}

/** A layer has answered instead of the handler, whose work nobody waits for any more: the reason of its signal. */
export class AlreadyAnsweredError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ERR_MILLRACE_ALREADY_ANSWERED'

  constructor() {
    super('the request has been answered without waiting for the handler')
  }
}

/** A synthetic request tried to make another one. */
export class SyntheticRecursionError extends Error {
  override readonly name = 'SyntheticRecursionError'
  readonly code = 'ERR_MILLRACE_SYNTHETIC_RECURSION'

  constructor() {
    super('a synthetic request cannot inject another: it would never end')
  }
}
