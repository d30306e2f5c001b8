import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ClientGoneError, type Outcome } from '@millrace/core'
import { isSealedAround, writing } from './front.ts'
import type { HostResponse } from './host.ts'

/** What a lifetime needs to know, and tells. */
export interface Watched {
  /** Body bytes so far. */
  readonly bytes: number
  closed(aborted: boolean): void
}

/** How long a response lives: until its last byte is handed over, or its connection is gone. */
export class Lifetime {
  readonly #res: HostResponse
  readonly #watched: Watched
  #watching = false
  #outcome: Outcome | undefined
  #done: PromiseWithResolvers<Outcome> | undefined
  #controller: AbortController | undefined
  #reason: Error | undefined
  /** Called once, when the handler has ended its answer; not when the host or a layer ends it. */
  whenHandlerEnds: (() => void) | undefined

  constructor(res: HostResponse, watched: Watched) {
    this.#res = res
    this.#watched = watched
  }

  /** Settles once, and never rejects. */
  get done(): Promise<Outcome> {
    this.watch()
    if (!this.#done) {
      this.#done = Promise.withResolvers()
      if (this.#outcome) this.#done.resolve(this.#outcome)
    }
    return this.#done.promise
  }

  get signal(): AbortSignal {
    this.watch()
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Tells the handler to stop; the first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(reason)
  }

  handlerEnded(): void {
    const task = this.whenHandlerEnds
    this.whenHandlerEnds = undefined
    task?.()
  }

  /** `close` is the one event that comes whatever happens (node#1309, node#46666). */
  watch(): void {
    if (this.#watching) return
    this.#watching = true
    if (this.#res.closed === true) {
      this.#onClose()
      return
    }
    const onClose = (): void => this.#onClose()
    // As our own: a response may be sealed for everybody else by now.
    if (isSealedAround(this.#res)) writing(this.#res, () => this.#res.on('close', onClose))
    else this.#res.on('close', onClose)
    upgradedSocket(this.#res)?.once('close', onClose)
  }

  #onClose(): void {
    if (this.#outcome !== undefined) return
    const { aborted, status, broken } = writing(this.#res, () => {
      const { writableFinished, headersSent, statusCode, errored } = this.#res
      const aborted = !writableFinished
      return { aborted, status: headersSent ? statusCode : 0, broken: aborted && Boolean(errored) }
    })
    this.#outcome = { bytes: this.#watched.bytes, aborted, broken, status }
    if (aborted) this.abort(new ClientGoneError())
    this.#watched.closed(aborted)
    this.#done?.resolve(this.#outcome)
  }
}

/** A WebSocket that a framework serves as a request (express-ws) has a response without a socket, which never closes. */
const upgradedSocket = (res: HostResponse): Socket | undefined =>
  res instanceof ServerResponse && res.socket === null && res.req.headers.upgrade !== undefined
    ? res.req.socket
    : undefined
