import type { Body, HeaderMap, Reply } from '@millrace/core'

/** Where a captured reply reads from, when somebody asks. */
export interface Written {
  readFields(): HeaderMap
  readBody(): Body
  /** What sends it, when it is the response's own writes. */
  readonly capture?: { readonly bytes: number; send(reply: Reply): void }
}

/**
 * What a handler wrote, as a reply. Nothing is made that no layer asks for, and it knows what a layer changed: only
 * that is done to what the handler wrote.
 */
export class CapturedReply implements Reply {
  status: number
  reason: string | undefined
  readonly #status: number
  readonly #reason: string | undefined
  readonly #written: Written
  #headers: HeaderMap | undefined
  #headersReplaced = false
  #body: Body | undefined
  #original: Body | undefined

  constructor(status: number, reason: string | undefined, written: Written) {
    this.status = status
    this.reason = reason
    this.#status = status
    this.#reason = reason
    this.#written = written
  }

  get capture(): Written['capture'] {
    return this.#written.capture
  }

  get headers(): HeaderMap {
    this.#headers ??= this.#written.readFields()
    return this.#headers
  }

  set headers(headers: HeaderMap) {
    this.#headers = headers
    this.#headersReplaced = true
  }

  get body(): Body {
    if (this.#body === undefined) {
      this.#original = this.#written.readBody()
      this.#body = this.#original
    }
    return this.#body
  }

  set body(body: Body) {
    this.#body = body
  }

  get headChanged(): boolean {
    return (
      this.status !== this.#status ||
      this.reason !== this.#reason ||
      this.#headersReplaced ||
      (this.#headers?.changed ?? false)
    )
  }

  get bodyChanged(): boolean {
    return this.#body !== this.#original
  }
}
