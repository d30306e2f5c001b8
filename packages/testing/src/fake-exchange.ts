import { Readable } from 'node:stream'
import {
  type Client,
  ClientGoneError,
  Exchange,
  HandlerAlreadyRanError,
  HeaderMap,
  type Outcome,
  type Params,
  pathOf,
  type Reply,
  type RequestHeaders,
  reply,
  SyntheticRecursionError,
  type SyntheticRequest,
  type Transformed,
} from '@millrace/core'

export interface FakeRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Path and query. Default `/`. */
  readonly url?: string
  /** Default `http`. */
  readonly scheme?: string
  /** Default `1.1`. */
  readonly httpVersion?: string
  /** Lower-case names. */
  readonly headers?: RequestHeaders
  /** The content. Default: none. */
  readonly body?: Uint8Array
  readonly params?: Params
  /** Default: the path. */
  readonly route?: string
  readonly address?: string
  readonly native?: unknown
  /** Fields that middleware further out has set. */
  readonly preset?: Readonly<Record<string, string>>
  /** What a synthetic request was made for. */
  readonly synthetic?: object
  /** What answers injected requests; default a 404. */
  readonly app?: (request: SyntheticRequest) => Reply | Promise<Reply>
  /** What answers; default a 200 with the text "ok". */
  readonly handler?: (exchange: Exchange) => Reply | Promise<Reply>
}

/** An exchange with no host under it: for testing a layer by itself. */
export class FakeExchange extends Exchange {
  readonly method: string
  readonly url: string
  readonly scheme: string
  readonly httpVersion: string
  readonly headers: RequestHeaders
  readonly params: Params
  readonly route: string
  readonly client: Client
  readonly preset: HeaderMap
  readonly done: Promise<Outcome>
  readonly signal: AbortSignal
  readonly native: unknown
  readonly origin: FakeExchange
  readonly synthetic: object | undefined
  readonly transformed: Transformed | undefined
  /** Every request that was injected. */
  readonly injected: SyntheticRequest[] = []
  /** What is to be sent behind the body. */
  readonly trailers: Map<string, () => string> = new Map()
  /** Shared with exchanges derived of this one. */
  private readonly asked = { runs: 0, status: 200, flush: false }
  private readonly handler: (exchange: Exchange) => Reply | Promise<Reply>
  private readonly body: Uint8Array
  /** What was made of it. Shared, too. */
  private readonly bodies = new Map<Transformed, Promise<Uint8Array>>()
  private readonly app: (request: SyntheticRequest) => Reply | Promise<Reply>
  private readonly settle: (outcome: Outcome) => void
  private readonly controller: AbortController = new AbortController()

  constructor(request: FakeRequest) {
    super()
    this.origin = this
    this.method = request.method ?? 'GET'
    this.url = request.url ?? '/'
    this.scheme = request.scheme ?? 'http'
    this.httpVersion = request.httpVersion ?? '1.1'
    this.headers = request.headers ?? {}
    this.body = request.body ?? new Uint8Array()
    this.params = request.params ?? {}
    this.route = request.route ?? this.path
    this.client = { address: request.address ?? '127.0.0.1' }
    this.preset = HeaderMap.from(request.preset ?? {})
    this.handler = request.handler ?? (() => reply(200, { 'content-type': 'text/plain' }, 'ok'))
    this.native = request.native
    this.synthetic = request.synthetic
    this.app = request.app ?? (() => reply(404))
    this.signal = this.controller.signal
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.done = promise
    this.settle = resolve
  }

  /** How often the handler was asked for. */
  get runs(): number {
    return this.asked.runs
  }

  /** Whether the handler has been given a `flush()`. */
  get flushable(): boolean {
    return this.asked.flush
  }

  get path(): string {
    return pathOf(this.url)
  }

  get query(): URLSearchParams {
    return new URL(this.url, 'http://fake').searchParams
  }

  async handle(): Promise<Reply> {
    if (this.asked.runs++ > 0) throw new HandlerAlreadyRanError(this)
    const answer = await this.handler(this)
    this.asked.status = answer.status
    return answer
  }

  async content(limit: number): Promise<Uint8Array | undefined> {
    const body = await this.bodyOf(this.transformed)
    return body.byteLength <= limit ? body : undefined
  }

  private bodyOf(transformed: Transformed | undefined): Promise<Uint8Array> {
    if (transformed === undefined) return Promise.resolve(this.body)
    let body = this.bodies.get(transformed)
    if (body === undefined) {
      body = this.transform(transformed)
      this.bodies.set(transformed, body)
    }
    return body
  }

  private async transform({ of, by }: Transformed): Promise<Uint8Array> {
    return Buffer.concat(await Readable.from(by(Readable.from([await this.bodyOf(of)]))).toArray())
  }

  trailer(name: string, value: () => string): boolean {
    if (this.headers['te'] !== 'trailers') return false
    this.trailers.set(name, value)
    return true
  }

  offerFlush(): void {
    this.asked.flush = true
  }

  async inject(request: SyntheticRequest): Promise<Reply> {
    if (this.synthetic) throw new SyntheticRecursionError()
    this.injected.push(request)
    return this.app(request)
  }

  /** The last byte is out. */
  finish(bytes = 0, status: number = this.asked.status): void {
    this.settle({ bytes, aborted: false, broken: false, status })
  }

  /** The body fails on this side, and the connection with it. */
  breakOff(bytes = 0, status: number = this.asked.status): void {
    this.settle({ bytes, aborted: true, broken: true, status })
  }

  /** The client is gone. */
  leave(bytes = 0, status = 0): void {
    this.controller.abort(new ClientGoneError())
    this.settle({ bytes, aborted: true, broken: false, status })
  }
}

export const fakeExchange = (request: FakeRequest = {}): FakeExchange => new FakeExchange(request)
