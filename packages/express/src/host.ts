import type { HostRequest, HostResponse } from '@millrace/node'

/** What of Express's request we look at: the same in 4 and 5. */
export interface ExpressRequest extends HostRequest {
  readonly method: string
  readonly protocol: string
  readonly app: ExpressApp
  originalUrl: string
  /** A getter in 5, unless middleware has put another; in 4 it was parsed when the request came. */
  readonly query: object
  /** Undefined again once the routers are done. */
  readonly baseUrl: string | undefined
  readonly ip?: string | undefined
  readonly route?: { readonly path?: unknown } | undefined
}

/** An app is the function that a server calls. */
export interface ExpressApp {
  (...args: never[]): unknown
  get(setting: string): unknown
  /** The app that this one is mounted in, and where. */
  readonly parent?: ExpressApp | undefined
  readonly mountpath?: unknown
  /** Express 5; a getter that throws in 4. */
  readonly router?: { readonly stack: readonly RouterLayer[] } | undefined
  /** Express 4. */
  readonly _router?: { readonly stack: readonly RouterLayer[] } | undefined
}

/** What a router entry found in a path. */
interface RouterMatch {
  /** The part that it matched. */
  readonly path?: string | undefined
  readonly params?: Readonly<Record<string, unknown>> | undefined
  /** As it was written; not told by older routers. */
  readonly pattern?: unknown
}

/** One entry of a router. Older ones keep on themselves what `match` found. */
export interface RouterLayer extends RouterMatch {
  readonly route?: object | undefined
  readonly handle?: object | undefined
  /** Not in its types. */
  match?(path: string): boolean | RouterMatch
}

export type ExpressResponse = HostResponse
