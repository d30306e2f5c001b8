import type { HostRequest, HostResponse } from '@millrace/node'

/** What of Koa's context we look at: the same in 2 and 3. */
export interface KoaContext {
  readonly req: HostRequest
  readonly res: HostResponse
  readonly app: { callback(): (req: never, res: never) => unknown }
  readonly method: string
  readonly originalUrl: string
  readonly ip: string
  status: number
  body: unknown
  respond?: boolean | undefined
  readonly message: string
  /** Set by @koa/router. */
  readonly _matchedRoute?: unknown
  readonly response: { readonly _explicitNullBody?: boolean | undefined }
}
