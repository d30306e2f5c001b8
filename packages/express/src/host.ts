import type { HostRequest, HostResponse } from '@millrace/node'

/** What of Express's request we look at: the same in 4 and 5. */
export interface ExpressRequest extends HostRequest {
  readonly method: string
  readonly originalUrl: string
  /** Undefined again once the routers are done. */
  readonly baseUrl: string | undefined
  readonly ip?: string | undefined
  readonly route?: { readonly path?: unknown } | undefined
}

export type ExpressResponse = HostResponse
