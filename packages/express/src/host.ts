import type { App, HostRequest, HostResponse } from '@millrace/node'

/** What of Express's request we look at: the same in 4 and 5. */
export interface ExpressRequest extends HostRequest {
  readonly method: string
  readonly app: ExpressApp
  readonly originalUrl: string
  /** Undefined again once the routers are done. */
  readonly baseUrl: string | undefined
  readonly ip?: string | undefined
  readonly route?: { readonly path?: unknown } | undefined
}

interface ExpressApp extends App {
  /** The app that this one is mounted in. */
  readonly parent?: ExpressApp | undefined
}

export type ExpressResponse = HostResponse
