import type { HeaderMap } from './header-map.ts'
import { searchOf, withSearch } from './path.ts'
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
  /** It did because of an error on this side: the body failed, or somebody destroyed the response with one. */
  readonly broken: boolean
  /** As it was sent; 0 where the connection closed before. */
  readonly status: number
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
  /** What the app is to take it to have come by. Default: that of the exchange it is made from, or `http`. */
  readonly scheme?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
  /** Who asks and what for: the new exchange's `synthetic`. */
  readonly cause: object
}

/** Sends a request of Millrace's own through the whole app, in this process. Its reply's body may be a stream. */
export type Inject = (request: SyntheticRequest) => Promise<Reply>

/** One request on its way through the layers. Read-only. */
export abstract class Exchange<P = Params> {
  /** Upper-case, as sent. */
  abstract readonly method: string
  /** The request target as sent: path and query. */
  abstract readonly url: string
  /** The path part of the target as sent: not decoded, not normalised. */
  abstract readonly path: string
  abstract readonly query: URLSearchParams
  /** As the host sees it (Express: `req.protocol`, Koa: `ctx.protocol`, so their proxy settings hold). */
  abstract readonly scheme: string
  /** The protocol's version as Node says it: `1.0`, `1.1`, `2.0`. */
  abstract readonly httpVersion: string
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
   * The first exchange of the request: the one that this was derived from, however often, and of an inline `use` or a
   * Millrace inside another the one around it. Itself when there is none.
   */
  abstract readonly origin: Exchange<P>

  /**
   * Runs the host's handler; the end of every pipeline. A host runs its handler once per request, so a second
   * call rejects with {@link HandlerAlreadyRanError}.
   */
  abstract handle(): Promise<Reply>

  /** What a layer further out has made of the body of the request, by {@link derive}; undefined where nobody has. */
  abstract readonly transformed: Transformed | undefined

  /**
   * The whole body of the request, for those who decide by it. The handler reads it as if nobody had looked. Wait for
   * it before calling `next`, and do not change the bytes.
   *
   * @param limit bytes to hold at most; the first who asks decides how many are looked at
   * @returns undefined when there are more, or when somebody else reads the body already, has read it, or has still to
   * tell the client to send it (`Expect: 100-continue`)
   * @throws ClientGoneError (as a rejection) when the client leaves before it has sent all; what a transform throws
   */
  abstract content(limit: number): Promise<Uint8Array | undefined>

  /**
   * Has a field sent behind the body (RFC 9110 section 6.5), for a client that says `TE: trailers`, should the body then
   * come in chunks. Not named in a `Trailer` field: Node refuses that where it cannot keep it. Call it before the reply is
   * returned.
   *
   * @param value is asked when the last byte has been written
   * @returns false where the client does not take it
   */
  abstract trailer(name: string, value: () => string): boolean

  /**
   * Gives the handler a `flush()` on its response, as the `compression` middleware does, should there be none: for a layer
   * that holds bytes of bodies back, and lets them go at a `flushPoint`. Call it before `next`.
   */
  abstract offerFlush(): void

  /**
   * Sends another request through the whole app, in this process: for what needs another run of a handler (background
   * refresh, warm-up, sub-requests). Its reply's body is bytes where all of it is there with the head, else a stream.
   *
   * @throws SyntheticRecursionError (as a rejection) when this exchange is itself synthetic
   */
  abstract inject(request: SyntheticRequest): Promise<Reply>
}

/**
 * Makes another body of the one that was sent. Called once, when somebody reads it. Who reads gets what it throws, and
 * the client's connection stays as it is.
 */
export type ContentTransform = (sent: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/** A body that was made of another, itself transformed or as it was sent. */
export interface Transformed {
  readonly of: Transformed | undefined
  readonly by: ContentTransform
}

/** What a derived exchange says instead. */
export interface Change {
  /** A deadline on what follows; a function makes it when it is first asked for. */
  readonly signal?: AbortSignal | (() => AbortSignal)
  /** All header fields, by lower-case name; one that is undefined is not there. */
  readonly headers?: RequestHeaders
  /** The target, which may differ in its query alone. */
  readonly url?: string
  /**
   * Another body, of a length that is not known: there is no `Content-Length`, and `Transfer-Encoding: chunked`. Not
   * where somebody further out reads the body already, or has read it.
   */
  readonly content?: ContentTransform
}

/**
 * The same exchange but for what is given: what a layer passes to `next`, so that the layers further in and the
 * handler see that instead.
 *
 * @throws TypeError when `url` has another path
 */
export const derive = <X extends Exchange<unknown>>(
  exchange: X,
  { signal, headers, url, content }: Change,
): X => {
  const own: PropertyDescriptorMap = {}
  if (typeof signal === 'function') {
    let made: AbortSignal | undefined
    own['signal'] = {
      get: () => {
        made ??= signal()
        return made
      },
      enumerable: true,
    }
  } else if (signal) own['signal'] = { value: signal, enumerable: true }
  if (headers) own['headers'] = { value: headers, enumerable: true }
  if (content) {
    own['headers'] = { value: { ...(headers ?? exchange.headers), ...ofUnknownLength }, enumerable: true }
    own['transformed'] = { value: { of: exchange.transformed, by: content } satisfies Transformed }
  }
  if (url !== undefined) {
    if (withSearch(exchange.url, url) !== url)
      throw new TypeError(`a derived url may differ from "${exchange.url}" in its query alone, got "${url}"`)
    own['url'] = { value: url, enumerable: true }
    own['query'] = { value: new URLSearchParams(searchOf(url)), enumerable: true }
  }
  return Object.create(exchange, own)
}

/** How a request says that it has content, and not how much (RFC 9112 section 6.1): body parsers look for it. */
const ofUnknownLength: RequestHeaders = { 'content-length': undefined, 'transfer-encoding': 'chunked' }

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

/**
 * A layer has answered instead of the handler, whose work nobody waits for any more: the reason of its signal, and what the
 * layers further in get that still wait for its reply.
 */
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
