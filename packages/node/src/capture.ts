import { AlreadyAnsweredError, type Body, ClientGoneError, type HeaderMap, type Outcome, type Reply } from '@millrace/core'
import { ServerResponse } from 'node:http'
import { byteLength, toBytes } from './bytes.ts'
import { CapturedBody } from './captured-body.ts'
import { CapturedReply } from './captured-reply.ts'
import { addFields, mergeFields, readFields, writeFields } from './fields.ts'
import { HeadersSentError, headWritten, hold, showEnded, unhold } from './held.ts'
import type { HostResponse } from './host.ts'
import { seal } from './late.ts'
import { pump } from './pump.ts'
import { checkChunk, checkHead } from './validate.ts'

/**
 * What the handler's calls on the response do:
 * - `open`: nothing was written yet.
 * - `held`: the head is known; calls are kept until the layers have returned.
 * - `passing`: the layers left the body alone: calls go through as they come.
 * - `taken`: a layer reads the body: chunks go to it.
 * - `sealed`: a layer has answered instead: calls are swallowed (by `late.ts`, in front of ours).
 */
type Mode = 'open' | 'held' | 'passing' | 'taken' | 'sealed'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'cork' | 'uncork'
type Below = Pick<HostResponse, Method>

/** How many bytes the handler may write while layers look at the head before `write` returns false: Node's own. */
const highWaterMark = 16 * 1024

const writing: unique symbol = Symbol('millrace.writing')

declare module './host.ts' {
  interface HostResponse {
    /** How many captures are writing to it at this moment. */
    [writing]?: number
  }
}

/**
 * The one thing that stands between a handler and its response: turns what the handler writes into a {@link Reply},
 * and sends the reply that the layers return. Captures nest, also with other middleware that replaces methods of the
 * response in between.
 */
export class Capture {
  readonly res: HostResponse
  readonly #bodyless: boolean
  #mode: Mode = 'open'
  /** What our methods stand in front of: Node's own, or those of middleware further out. */
  #below: Below | undefined
  #preset: HeaderMap | undefined
  #ops: Op[] = []
  #heldBytes = 0
  #toldToWait = false
  #ended = false
  /** The handler still runs, but the host answers: whatever comes after that answer is late. */
  #abandoned = false
  #reply: CapturedReply | undefined
  #body: CapturedBody | undefined
  #resolve: (reply: Reply) => void = ignore
  #reject: (error: unknown) => void = ignore
  #bytes = 0
  /** What sends instead, when another capture's reply is the answer. */
  #sender: { readonly bytes: number } = this
  #watching = false
  #outcome: Outcome | undefined
  #done: Promise<Outcome> | undefined
  #settle: (outcome: Outcome) => void = ignore
  #controller: AbortController | undefined

  /** @param method the request's: a reply to HEAD has no body */
  constructor(res: HostResponse, method: string) {
    this.res = res
    this.#bodyless = method === 'HEAD'
  }

  /** Settles once: when the response is finished, or when its connection is gone. */
  get done(): Promise<Outcome> {
    this.#watch()
    this.#done ??= new Promise((resolve) => {
      this.#settle = resolve
      if (this.#outcome) resolve(this.#outcome)
    })
    return this.#done
  }

  /** Aborts when the client is gone, or when nobody waits for the handler any more. */
  get signal(): AbortSignal {
    this.#watch()
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#outcome?.aborted) this.#controller.abort(new ClientGoneError())
      else if (this.#mode === 'sealed') this.#controller.abort(new AlreadyAnsweredError())
    }
    return this.#controller.signal
  }

  /** Header fields that were on the response before the handler ran. */
  get preset(): HeaderMap {
    this.#preset ??= readFields(this.res)
    return this.#preset
  }

  /** Body bytes so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether the handler has written to the response itself. */
  get replied(): boolean {
    return this.#reply !== undefined
  }

  /** Whether the handler was run. */
  get opened(): boolean {
    return this.#below !== undefined
  }

  /** Runs the handler and resolves with its reply as soon as the head is known. */
  open(handler: () => void): Promise<Reply> {
    this.#watch()
    this.#install()
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.#outcome) reject(new ClientGoneError())
      else handler()
    })
  }

  /** For a handler that failed before it answered, on a host that does not turn errors into answers. */
  fail(error: unknown): void {
    this.#reject(error)
  }

  /**
   * Sends what the layers returned. The handler's reply goes out as it was written, changed where a layer changed it;
   * any other seals the response for the handler.
   */
  send(reply: Reply): void {
    if (reply instanceof CapturedReply && reply.capture && reply.capture !== this) {
      this.#sender = reply.capture
      reply.capture.send(reply)
    } else if (reply !== this.#reply) this.#answer(reply)
    else if (this.#reply.bodyChanged) this.#replace(this.#reply)
    else this.#release(this.#reply)
  }

  /**
   * Lets what is written from now on go through as it is, for a host that turns its own idea of a response into
   * writes.
   *
   * @param body is shown the bytes on their way
   */
  pass(body?: CapturedBody): void {
    if (this.#mode !== 'open') return
    this.#body = body
    this.#mode = 'passing'
  }

  /** Forgets what the handler wrote, for an error that the host itself is going to answer. */
  abandon(): void {
    if (this.#below === undefined || headWritten(this.res)) return
    if (this.#mode === 'held') this.#swallow(this.#unwrite())
    this.#abandoned = !this.#ended
    this.#ended = false
    this.#mode = 'passing'
    this.#controller?.abort(new AlreadyAnsweredError())
  }

  // What the handler calls.

  #install(): void {
    if (this.#below) return
    this.#preset ??= readFields(this.res)
    const { res } = this
    this.#below = methodsOf(res)
    res.writeHead = (...args) => this.#onWriteHead(args)
    res.write = (...args) => this.#onWrite(args)
    res.end = (...args) => this.#onEnd(args)
    res.flushHeaders = () => this.#onFlushHeaders()
  }

  #onWriteHead(args: unknown[]): unknown {
    if (this.#direct) return this.#call('writeHead', args)
    if (this.#mode !== 'open') throw new HeadersSentError(this.res)
    const { res } = this
    if (res instanceof ServerResponse) checkHead(args)
    const [status, second, third] = args
    const given = third ?? second
    // Node merges the given fields into those that stand, if there are any; who asks for them then sees them.
    if (res.getHeaderNames().length > 0) addFields(res, mergeFields(readFields(res), given))
    res.statusCode = Number(status)
    if (typeof second === 'string') res.statusMessage = second
    this.#hold('writeHead', args, mergeFields.bind(undefined, readFields(res), given))
    return res
  }

  #onWrite(args: unknown[]): boolean {
    if (this.#direct) return this.#pass(args)
    const [chunk, encoding] = args
    checkChunk(chunk)
    if (this.#mode === 'taken') return this.#body?.push(toBytes(chunk, encoding), callbackOf(args)) ?? true
    this.#heldBytes += byteLength(chunk, encoding)
    this.#hold('write', args)
    if (this.#heldBytes >= highWaterMark) this.#toldToWait = true
    return !this.#toldToWait
  }

  #onEnd(args: unknown[]): unknown {
    if (this.#direct) {
      this.#passEnd(args)
      return this.res
    }
    const chunk = chunkOf(args)
    if (chunk !== undefined) checkChunk(chunk)
    if (this.#mode === 'taken') this.#endTaken(args)
    else {
      const first = !this.#ended
      this.#ended = true
      this.#hold('end', args)
      if (first) hold(this.res, true)
    }
    return this.res
  }

  #onFlushHeaders(): void {
    if (this.#direct) this.#call('flushHeaders', [])
    else if (this.#mode !== 'taken') this.#hold('flushHeaders', [])
  }

  /** Whether calls go straight through: released, or a head was written past us. */
  get #direct(): boolean {
    if (this.#mode === 'passing' || this.#mode === 'sealed') return true
    if (this.#mode !== 'open' || !headWritten(this.res)) return false
    this.#mode = 'passing'
    this.#announce()
    return true
  }

  #hold(method: Method, args: unknown[], fields?: () => HeaderMap): void {
    this.#ops.push({ method, args })
    if (this.#mode !== 'open') return
    this.#mode = 'held'
    if (method !== 'end') {
      // Corking changes chunk boundaries, so it has to happen in its place among the writes.
      this.res.cork = () => this.#onCork('cork')
      this.res.uncork = () => this.#onCork('uncork')
    }
    hold(this.res, false)
    this.#announce(fields)
  }

  #onCork(method: 'cork' | 'uncork'): void {
    if (this.#mode === 'held') this.#ops.push({ method, args: [] })
    else if (this.#mode !== 'taken') this.#call(method, [])
  }

  #announce(fields: () => HeaderMap = () => readFields(this.res)): void {
    const { res } = this
    this.#reply = new CapturedReply({ status: res.statusCode, reason: res instanceof ServerResponse ? res.statusMessage : undefined, fields, body: () => this.#bodyNow(), capture: this })
    this.#resolve(this.#reply)
  }

  #bodyNow(): Body {
    const { statusCode } = this.res
    if (this.#bodyless || isBodyless(statusCode)) return null
    const only = this.#ops.filter((op) => op.method !== 'writeHead')
    const [end] = only
    if (end?.method === 'end') {
      const chunk = chunkOf(end.args)
      return chunk === undefined ? null : toBytes(chunk, end.args[1])
    }
    this.#body = this.#capturedBody()
    return this.#body
  }

  #capturedBody(): CapturedBody {
    return new CapturedBody(() => this.#drain())
  }

  // What goes out.

  /** As the handler wrote it, but for changes to the head. */
  #release(reply: CapturedReply): void {
    if (this.#mode !== 'held') return
    const { res } = this
    const changed = reply.headChanged
    unhold(res)
    this.#mode = 'passing'
    const ops = this.#takeOps()
    let flowing = true
    this.#write(() => {
      if (changed) this.#rewriteHead(reply)
      for (const { method, args } of ops) {
        if (method === 'write') flowing = this.#pass(args)
        else if (method === 'end') this.#passEnd(args)
        else this.#call(method, changed && method === 'writeHead' ? headArgs(reply) : args)
      }
    })
    // The handler waits for a 'drain' that Node has no reason to emit.
    if (this.#toldToWait && flowing && !this.#ended) this.#drain()
  }

  /** The handler's head, with a body that a layer has put in the place of the handler's. */
  #replace(reply: CapturedReply): void {
    if (this.#mode !== 'held') return
    const { body } = reply
    const ops = this.#takeOps()
    unhold(this.res)
    const { headers } = reply
    if (body === null || body instanceof Uint8Array) {
      // An absent one Node adds by itself; a deleted one it would take for a wish to have none.
      if (headers.has('content-length')) headers.set('content-length', body?.byteLength ?? 0)
      this.#mode = 'passing'
      this.#write(() => {
        this.#rewriteHead(reply)
        this.#passEnd(body === null ? [] : [body])
      })
      this.#swallow(ops)
      if (!this.#ended) this.#seal()
      return
    }
    headers.delete('content-length')
    this.#write(() => {
      this.#rewriteHead(reply)
      this.#call('writeHead', headArgs(reply))
    })
    this.#mode = 'taken'
    this.#body ??= this.#capturedBody()
    for (const { method, args } of ops) {
      if (method === 'write') this.#body.push(toBytes(args[0], args[1]), callbackOf(args))
      else if (method === 'end') this.#endTaken(args)
    }
    if (this.#toldToWait) this.#drain()
    this.#pump(body)
  }

  /** A reply that a layer made: what the handler has written, or will, is nobody's business any more. */
  #answer(reply: Reply): void {
    const { res } = this
    if (headWritten(res)) return
    const ran = this.#below !== undefined
    this.#below ??= methodsOf(res)
    const ops = ran ? this.#unwrite() : []
    this.#mode = 'sealed'
    const bodyless = this.#bodyless || isBodyless(reply.status)
    const body = bodyless ? null : reply.body
    const stream = body !== null && !(body instanceof Uint8Array)
    if (reply.body instanceof Uint8Array && !isBodyless(reply.status) && !reply.headers.has('content-length')) {
      reply.headers.set('content-length', reply.body.byteLength)
    }
    this.#write(() => {
      this.#writeHead(reply)
      if (body instanceof Uint8Array) {
        this.#bytes += body.byteLength
        this.#call('end', [body])
      } else if (!stream) this.#call('end', [])
    })
    if (stream) this.#pump(body)
    if (!ran) return
    this.#swallow(ops)
    this.#seal()
  }

  #writeHead(reply: Reply): void {
    const { res } = this
    if (this.#below?.writeHead === ServerResponse.prototype.writeHead) {
      // Nobody else looks at the head, so it can go to Node as the flat list that it is.
      if (reply.reason !== undefined) res.statusMessage = reply.reason
      this.#call('writeHead', [reply.status, reply.headers.raw])
    } else {
      addFields(res, reply.headers)
      this.#call('writeHead', headArgs(reply))
    }
  }

  #rewriteHead(reply: Reply): void {
    const { res } = this
    res.statusCode = reply.status
    if (res instanceof ServerResponse && reply.reason !== undefined) res.statusMessage = reply.reason
    writeFields(res, reply.headers)
  }

  #pump(body: AsyncIterable<Uint8Array>): void {
    void pump(body, this.res, {
      write: (bytes) => {
        this.#bytes += bytes.byteLength
        return this.#write(() => this.#call('write', [bytes]) !== false)
      },
      end: () => {
        this.#write(() => this.#call('end', []))
        if (this.#mode === 'taken' && !this.#ended) this.#seal()
      },
    })
  }

  #pass(args: unknown[]): boolean {
    const [chunk, encoding] = args
    if (!this.#bodyless) this.#bytes += byteLength(chunk, encoding)
    this.#body?.pass(() => toBytes(chunk, encoding))
    return this.#call('write', args) !== false
  }

  #passEnd(args: unknown[]): void {
    const chunk = chunkOf(args)
    if (chunk !== undefined) {
      if (!this.#bodyless) this.#bytes += byteLength(chunk, args[1])
      this.#body?.pass(() => toBytes(chunk, args[1]))
    }
    this.#ended = true
    this.#body?.passEnd()
    this.#call('end', args)
    if (this.#abandoned) this.#seal()
  }

  #endTaken(args: unknown[]): void {
    const chunk = chunkOf(args)
    const finished = callbackOf(args)
    if (finished) this.res.once('finish', finished)
    if (chunk !== undefined) this.#body?.push(toBytes(chunk, args[1]), undefined)
    this.#body?.pushEnd()
    this.#ended = true
    showEnded(this.res)
  }

  /** Takes back what the handler wrote, down to the fields that stood before it. */
  #unwrite(): readonly Op[] {
    const { res } = this
    if (this.#mode === 'held') unhold(res)
    this.#write(() => {
      writeFields(res, this.preset)
      if (res instanceof ServerResponse) res.statusMessage = ''
    })
    this.#body?.fail(new AlreadyAnsweredError())
    return this.#takeOps()
  }

  #seal(): void {
    this.#mode = 'sealed'
    seal(this.res, () => (this.res[writing] ?? 0) > 0)
    this.#controller?.abort(new AlreadyAnsweredError())
  }

  /** What waits for swallowed writes is told that they are done. */
  #swallow(ops: readonly Op[]): void {
    for (const { args } of ops) {
      const callback = callbackOf(args)
      if (callback) process.nextTick(callback)
    }
    if (this.#toldToWait) this.#drain()
  }

  #takeOps(): readonly Op[] {
    const ops = this.#ops
    this.#ops = []
    return ops
  }

  #drain(): void {
    process.nextTick(() => this.res.emit('drain'))
  }

  #call(method: Method, args: readonly unknown[]): unknown {
    const below = this.#below?.[method]
    return below && Reflect.apply(below, this.res, args)
  }

  /** Runs what writes to the response, so that calls that Node makes on the way are known as real. */
  #write<T>(task: () => T): T {
    const { res } = this
    res[writing] = (res[writing] ?? 0) + 1
    try {
      return task()
    } finally {
      res[writing] -= 1
    }
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    const { res } = this
    if (res.closed === true) this.#onClose()
    else res.once('close', () => this.#onClose())
  }

  #onClose(): void {
    const aborted = !this.res.writableFinished
    this.#outcome = { bytes: this.#sender.bytes, aborted }
    if (aborted) {
      this.#controller?.abort(new ClientGoneError())
      this.#body?.fail(new ClientGoneError())
    }
    if (this.#mode === 'open') {
      this.#mode = 'passing'
      this.#reject(new ClientGoneError())
    }
    this.#settle(this.#outcome)
  }
}

interface Op {
  readonly method: Method
  readonly args: unknown[]
}

const ignore = (): void => undefined

const callbackOf = (args: readonly unknown[]): (() => void) | undefined => {
  const callback = args.findLast((arg) => typeof arg === 'function')
  return typeof callback === 'function' ? () => callback() : undefined
}

/** The data given to `end(chunk?, encoding?, callback?)`. */
const chunkOf = (args: readonly unknown[]): unknown => {
  const [chunk] = args
  return typeof chunk === 'function' || chunk === null || chunk === undefined || chunk === '' ? undefined : chunk
}

/** RFC 9110 section 6.4.1: these statuses never have content. */
const isBodyless = (status: number): boolean => status === 204 || status === 304 || status < 200

const headArgs = (reply: Reply): readonly unknown[] => (reply.reason ? [reply.status, reply.reason] : [reply.status])

const methodsOf = ({ writeHead, write, end, flushHeaders, cork, uncork }: HostResponse): Below => ({ writeHead, write, end, flushHeaders, cork, uncork })
