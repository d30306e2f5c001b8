import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { z } from 'zod'

const request = z.object({
  resourceSpans: z.array(
    z.object({ scopeSpans: z.array(z.object({ spans: z.array(z.object({ name: z.string() })) })) }),
  ),
})

/** What a collector does with a request. */
export type Conduct = (res: ServerResponse) => void

export const accepts: Conduct = (res) => {
  res.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
}
export const hangs: Conduct = () => {}
export const resets: Conduct = (res) => {
  res.socket?.resetAndDestroy()
}
export const answers =
  (status: number, headers: Record<string, string> = {}): Conduct =>
  (res) => {
    res.writeHead(status, headers).end()
  }

/** Takes OTLP over HTTP in JSON, or does not. */
export class Collector {
  /** Names of the spans that it took; of metrics it takes no note. */
  readonly taken: string[] = []
  /** How many requests it had, taken or not. */
  requests = 0
  conduct: Conduct
  #server: Server | undefined
  #port = 0

  constructor(conduct: Conduct = accepts) {
    this.conduct = conduct
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The second time at the same port. */
  async open(): Promise<void> {
    this.#server = createServer((req, res) => void this.#answer(req, res)).listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
  }

  close(): void {
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await text(req)
    this.requests++
    if (this.conduct === accepts && req.url === '/v1/traces') {
      for (const { scopeSpans } of request.parse(JSON.parse(body)).resourceSpans)
        this.taken.push(...scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)))
    }
    this.conduct(res)
  }
}
