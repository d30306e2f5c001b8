import { Http2ServerRequest } from 'node:http2'
import { Readable } from 'node:stream'
import { ClientGoneError, type ContentTransform } from '@millrace/core'
import { isSealedAround, writing } from './front.ts'
import type { HostRequest, HostResponse } from './host.ts'

/** What Node keeps of a stream: its buffer, and how far it has come. */
interface State {
  readonly ended: boolean
  dataEmitted: boolean
}

declare module './host.ts' {
  interface HostRequest {
    _readableState?: State
    /** Node's own: reads what nobody will, when the answer is out. HTTP/2 has not got it. */
    _dump?(): void
  }
}

/** What was put behind a transform. */
class Sent extends Readable {
  declare _readableState?: State
}

/**
 * A transform in front of a request. What Node pushes goes to a stream behind it, with all that has come already, and
 * the request is filled with what the transform makes of that: at the pace of who reads, who need not know.
 */
export class Diversion {
  readonly #req: HostRequest & Readable
  readonly #by: ContentTransform
  readonly #sent: Sent
  /** What is filled: the request, or the stream behind another transform. */
  #target: Readable
  #made: AsyncIterator<Uint8Array> | undefined
  /** What the transform threw. */
  #error: Error | undefined
  #isOver = false

  /** @param before the one whose content is transformed once more */
  constructor(
    req: HostRequest & Readable,
    res: HostResponse,
    by: ContentTransform,
    before: Diversion | undefined,
  ) {
    this.#req = req
    this.#by = by
    this.#target = req
    const { _read: read } = req
    const sent = new Sent({ highWaterMark: req.readableHighWaterMark, read: () => read.call(req, 0) })
    const { _readableState: fresh } = sent
    Object.assign(sent, { _readableState: req._readableState })
    const paused = req.isPaused()
    Object.assign(req, { _readableState: fresh })
    if (paused) req.pause()
    // Who reads is told.
    sent.on('error', ignore)
    this.#sent = sent
    if (before) before.#fill(sent)
    else Object.assign(req, { push: (...args: Parameters<Readable['push']>) => sent.push(...args) })
    this.#install(res)
  }

  #install(res: HostResponse): void {
    const req = this.#req
    const { _destroy: destroy } = req
    Object.assign(req, {
      _read: () => this.#read(),
      _destroy: (reason: Error | null, done: (error?: Error | null) => void) => {
        if (this.#error === undefined) destroy.call(req, reason, done)
        else if (req.listenerCount('error') > 0) done(reason)
        else {
          // As Node does: where nobody listens, it is not thrown.
          done()
          breakOff(res, this.#error)
        }
      },
    })
    req.once('close', () => this.#close())
    const { _dump: dump } = req
    if (dump === undefined) return
    Object.assign(req, {
      // Nobody has read it, and nobody will.
      _dump: () => {
        this.#made ??= nothing()
        dump.call(req)
      },
    })
  }

  #fill(target: Readable): void {
    this.#target = target
  }

  #read(): void {
    // What a listener throws is not the transform's to hear.
    void this.#next().then(
      (bytes) => this.#give(bytes),
      (error: unknown) => this.#fail(error),
    )
  }

  async #next(): Promise<Uint8Array | null> {
    this.#made ??= this.#by(this.#whole())[Symbol.asyncIterator]()
    for (;;) {
      const step = await this.#made.next()
      if (step.done) return null
      if (step.value.byteLength > 0) return step.value
    }
  }

  async *#whole(): AsyncGenerator<Uint8Array> {
    yield* this.#sent.iterator({ destroyOnReturn: false })
    if (isBroken(this.#req)) throw new ClientGoneError()
  }

  #give(bytes: Uint8Array | null): void {
    if (bytes !== null) {
      push.call(this.#target, bytes)
      return
    }
    this.#end(() => push.call(this.#target, null))
  }

  #fail(reason: unknown): void {
    this.#end(() => {
      this.#error = reason instanceof Error ? reason : new Error(String(reason))
      destroy.call(this.#target, this.#error)
    })
  }

  /**
   * Reads on, so that the connection comes to what is behind the content, and says how it ended then: Node takes a
   * request that ends before all of it has come for one that was broken off, and body parsers wait for the rest.
   */
  #end(say: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#sent.readableEnded || this.#sent.destroyed) say()
    else this.#sent.once('end', say).resume()
  }

  #close(): void {
    if (this.#isOver || !isBroken(this.#req)) return
    this.#isOver = true
    this.#sent.destroy(new ClientGoneError())
    void this.#made?.return?.().catch(ignore)
  }
}

/** Not a request's own: one that a library has made has others. */
const { push, destroy } = Readable.prototype

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A handler that has begun to answer, and does not hear that there is no more to read, might never end. */
const breakOff = (res: HostResponse, error: Error): void => {
  if (isSealedAround(res)) return
  writing(res, () => {
    if (res.headersSent && !res.writableEnded) res.destroy(error)
  })
}

/** HTTP/2 ends a request that was broken off. */
const isBroken = (req: HostRequest & Readable): boolean =>
  req.destroyed || req.aborted === true || (req instanceof Http2ServerRequest && req.stream.rstCode !== 0)

const ignore = (): void => undefined
