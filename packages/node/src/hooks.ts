import type { HostResponse } from './host.ts'

/**
 * Middleware further in that adds to the head when Node calls `res.writeHead` for one that nobody has written
 * (on-headers, and so express-session, cookie-session, compression). The layers are to see what it adds, so it is asked
 * when the head is due, and not again when Node makes that call.
 */
export class Hooks {
  readonly #res: HostResponse
  readonly #own: HostResponse['writeHead']

  /** @param own the capture's own `writeHead`, which has been put on the response */
  constructor(res: HostResponse, own: HostResponse['writeHead']) {
    this.#res = res
    this.#own = own
  }

  ask(): void {
    this.#res.writeHead(this.#res.statusCode)
  }

  /** Runs `task` with the hooks out of Node's way. */
  without(task: () => void): void {
    const { writeHead } = this.#res
    this.#res.writeHead = this.#own
    task()
    this.#res.writeHead = writeHead
  }
}
