import type { HostRequest, HostResponse } from '@millrace/node'

export interface KoaApp {
  readonly proxy: boolean
  callback(): (req: never, res: never) => unknown
}

/** What of Koa's context we look at: the same in 2 and 3. */
export interface KoaContext {
  readonly req: HostRequest
  readonly res: HostResponse
  readonly app: KoaApp
  readonly method: string
  readonly protocol: string
  originalUrl: string
  /** With what Koa has made of the request's fields and target so far. */
  readonly request: { originalUrl: string; memoizedURL?: unknown; _accept?: unknown; ip: string }
  readonly ip: string
  status: number
  body: unknown
  respond?: boolean | undefined
  readonly message: string
  /** Set by @koa/router. */
  readonly _matchedRoute?: unknown
  /** Set by koa-mount: where the innermost app or middleware is mounted in the one around it. */
  readonly mountPath?: unknown
  readonly response: { readonly _explicitNullBody?: boolean | undefined; _body?: unknown }
}
