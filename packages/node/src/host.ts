import type { EventEmitter } from 'node:events'

declare module 'node:http2' {
  interface Http2ServerResponse {
    /** There since Node 8, but not in its types. */
    flushHeaders(): void
  }
}

/** The request half that HTTP/1 and HTTP/2 have in common. */
export interface HostRequest extends EventEmitter {
  readonly method?: string | undefined
  url?: string | undefined
  /** Set by Connect and Express, which take the paths of mounted routers off `url`. */
  originalUrl?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly aborted?: boolean
  readonly httpVersion: string
  readonly httpVersionMajor?: number
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/** The response half that HTTP/1's `ServerResponse` and HTTP/2's compatibility class have in common. */
export interface HostResponse extends EventEmitter {
  readonly socket: unknown
  statusCode: number
  statusMessage: string
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly writableCorked: number
  readonly writableHighWaterMark: number
  readonly closed?: boolean
  readonly destroyed?: boolean
  /** What it was destroyed with; not told of HTTP/2. */
  readonly errored?: Error | null
  getHeader(name: string): number | string | string[] | undefined
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
  getHeaderNames(): string[]
  setHeader(name: string, value: number | string | readonly string[]): unknown
  removeHeader(name: string): void
  write(...args: unknown[]): boolean
  end(...args: unknown[]): unknown
  writeHead(...args: unknown[]): unknown
  flushHeaders(): void
  /** Put there by `compression`: sends what it has gathered. */
  flush?: ((...args: unknown[]) => unknown) | undefined
  addTrailers(fields: Readonly<Record<string, string>>): void
  cork(): void
  uncork(): void
  destroy(...args: unknown[]): unknown
}
