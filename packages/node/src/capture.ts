import { ServerResponse } from 'node:http'
import { AlreadyAnsweredError, type Body, ClientGoneError, type HeaderMap, type Reply } from '@millrace/core'
import { Below, type Method } from './below.ts'
import { byteLength, toBytes } from './bytes.ts'
import { CapturedBody } from './captured-body.ts'
import { CapturedReply } from './captured-reply.ts'
import { addFields, mergeFields, readFields, writeFields } from './fields.ts'
import { changeHead, headArgs, isBodyless, sendHead } from './head.ts'
import { HeadersSentError, headWritten, hold, showEnded, unhold } from './held.ts'
import type { HostResponse } from './host.ts'
import { seal } from './late.ts'
import { Lifetime } from './lifetime.ts'
import { callbackOf, chunkOf, comfort, type Op } from './ops.ts'
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

/** How many bytes the handler may write while layers look at the head before `write` returns false: Node's own. */
const highWaterMark = 16 * 1024

/**
 * The one thing that stands between a handler and its response: turns what the handler writes into a {@link Reply},
 * and sends the reply that the layers return. Captures nest, also with other middleware that replaces methods of the
 * response in between.
 */
export class Capture {
  readonly res: HostResponse
  readonly lifetime: Lifetime
  readonly #bodyless: boolean
  #mode: Mode = 'open'
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
  #sender: { readonly bytes: number } | undefined

  /** @param method the request's: a reply to HEAD has no body */
  constructor(res: HostResponse, method: string) {
    this.res = res
    this.lifetime = new Lifetime(res, this)
    this.#bodyless = method === 'HEAD'
  }

  /** Header fields that were on the response before the handler ran. */
  get preset(): HeaderMap {
    this.#preset ??= readFields(this.res)
    return this.#preset
  }

  /** Body bytes so far, whoever sends them. */
  get bytes(): number {
    return this.#sender?.bytes ?? this.#bytes
  }

  /** The response is through, or its connection is gone. */
  closed(aborted: boolean): void {
    if (aborted) this.#body?.fail(new ClientGoneError())
    if (this.#mode !== 'open') return
    this.#mode = 'passing'
    this.#reject(new ClientGoneError())
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
    this.lifetime.watch()
    this.#install()
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.lifetime.ended) reject(new ClientGoneError())
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
    else if (this.#mode === 'held' && this.#below) {
      const { body } = reply
      if (!this.#reply.bodyChanged) this.#release(this.#reply, this.#below)
      else if (body === null || body instanceof Uint8Array) this.#replaceWhole(this.#reply, body, this.#below)
      else this.#replaceStream(this.#reply, body, this.#below)
    }
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
    if (this.#mode === 'held') comfort(this.res, this.#unwrite(this.#below))
    this.#abandoned = !this.#ended
    this.#ended = false
    this.#mode = 'passing'
    this.lifetime.abort(new AlreadyAnsweredError())
  }

  // What the handler calls.

  #install(): void {
    if (this.#below) return
    this.#preset ??= readFields(this.res)
    const { res } = this
    const below = new Below(res)
    this.#below = below
    res.writeHead = (...args) => this.#onWriteHead(args, below)
    res.write = (...args) => this.#onWrite(args, below)
    res.end = (...args) => this.#onEnd(args, below)
    res.flushHeaders = () => this.#onFlushHeaders(below)
  }

  #onWriteHead(args: readonly unknown[], below: Below): unknown {
    if (this.#direct) return below.call('writeHead', args)
    if (this.#mode !== 'open') throw new HeadersSentError(this.res)
    const { res } = this
    if (res instanceof ServerResponse) checkHead(args)
    const [status, second, third] = args
    const given = third ?? second
    // Node merges the given fields into those that stand, if there are any; who asks for them then sees them.
    if (res.getHeaderNames().length > 0) addFields(res, mergeFields(readFields(res), given))
    res.statusCode = Number(status)
    if (typeof second === 'string') res.statusMessage = second
    this.#hold('writeHead', args, () => mergeFields(readFields(res), given))
    return res
  }

  #onWrite(args: readonly unknown[], below: Below): boolean {
    if (this.#direct) return this.#pass(args, below)
    const [chunk, encoding] = args
    checkChunk(chunk)
    if (this.#mode === 'taken') return this.#bodyStream().push(toBytes(chunk, encoding), callbackOf(args))
    this.#heldBytes += byteLength(chunk, encoding)
    this.#hold('write', args)
    if (this.#heldBytes >= highWaterMark) this.#toldToWait = true
    return !this.#toldToWait
  }

  #onEnd(args: readonly unknown[], below: Below): unknown {
    if (this.#direct) this.#passEnd(args, below)
    else {
      const chunk = chunkOf(args)
      if (chunk !== undefined) checkChunk(chunk)
      if (this.#mode === 'taken') this.#endTaken(args)
      else {
        const first = !this.#ended
        this.#ended = true
        this.#hold('end', args)
        if (first) hold(this.res, true)
      }
    }
    return this.res
  }

  #onFlushHeaders(below: Below): void {
    if (this.#direct) below.call('flushHeaders', [])
    else if (this.#mode !== 'taken') this.#hold('flushHeaders', [])
  }

  #onCork(method: 'cork' | 'uncork', below: Below): void {
    if (this.#mode === 'held') this.#ops.push({ method, args: [] })
    else if (this.#mode !== 'taken') below.call(method, [])
  }

  /** Whether calls go straight through: released, or a head was written past us. */
  get #direct(): boolean {
    if (this.#mode === 'passing' || this.#mode === 'sealed') return true
    if (this.#mode !== 'open' || !headWritten(this.res)) return false
    this.#mode = 'passing'
    this.#announce()
    return true
  }

  #hold(method: Method, args: readonly unknown[], fields?: () => HeaderMap): void {
    this.#ops.push({ method, args })
    const below = this.#below
    if (this.#mode !== 'open' || !below) return
    this.#mode = 'held'
    if (method !== 'end') {
      // Corking changes chunk boundaries, so it has to happen in its place among the writes.
      this.res.cork = () => this.#onCork('cork', below)
      this.res.uncork = () => this.#onCork('uncork', below)
    }
    hold(this.res, false)
    this.#announce(fields)
  }

  #announce(fields: () => HeaderMap = () => readFields(this.res)): void {
    const { res } = this
    this.#reply = new CapturedReply({
      status: res.statusCode,
      reason: res instanceof ServerResponse ? res.statusMessage : undefined,
      fields,
      body: () => this.#bodyNow(),
      capture: this,
    })
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
    return this.#bodyStream()
  }

  #bodyStream(): CapturedBody {
    this.#body ??= new CapturedBody(() => this.#drain())
    return this.#body
  }

  // What goes out.

  /** As the handler wrote it, but for changes to the head. */
  #release(reply: CapturedReply, below: Below): void {
    const { res } = this
    const changed = reply.headChanged
    const ops = this.#takeOps()
    unhold(res)
    this.#mode = 'passing'
    let flowing = true
    below.writing(() => {
      if (changed) changeHead(res, reply)
      for (const { method, args } of ops) {
        if (method === 'write') flowing = this.#pass(args, below)
        else if (method === 'end') this.#passEnd(args, below)
        else below.call(method, changed && method === 'writeHead' ? headArgs(reply) : args)
      }
    })
    // The handler waits for a 'drain' that Node has no reason to emit.
    if (this.#toldToWait && flowing && !this.#ended) this.#drain()
  }

  /** The handler's head, with bytes that a layer has put in the place of the handler's. */
  #replaceWhole(reply: CapturedReply, body: Uint8Array | null, below: Below): void {
    const { res } = this
    const late = !this.#ended
    const ops = this.#takeOps()
    unhold(res)
    // An absent length Node adds by itself; a deleted one it would take for a wish to have none.
    if (reply.headers.has('content-length')) reply.headers.set('content-length', body?.byteLength ?? 0)
    this.#mode = 'passing'
    below.writing(() => {
      changeHead(res, reply)
      comfort(res, ops)
      this.#passEnd(body === null ? [] : [body], below)
    })
    if (late) this.#seal()
  }

  /** The handler's head, with a stream that may read the handler's. */
  #replaceStream(reply: CapturedReply, body: AsyncIterable<Uint8Array>, below: Below): void {
    const { res } = this
    const ops = this.#takeOps()
    unhold(res)
    reply.headers.delete('content-length')
    below.writing(() => {
      changeHead(res, reply)
      below.call('writeHead', headArgs(reply))
    })
    this.#mode = 'taken'
    const taken = this.#bodyStream()
    for (const { method, args } of ops) {
      if (method === 'write') taken.push(toBytes(args[0], args[1]), callbackOf(args))
      else if (method === 'end') this.#endTaken(args)
    }
    if (this.#toldToWait) this.#drain()
    this.#pump(body, below)
  }

  /** A reply that a layer made: what the handler has written, or will, is nobody's business any more. */
  #answer(reply: Reply): void {
    const { res } = this
    if (headWritten(res)) return
    const ran = this.#below !== undefined
    const below = this.#below ?? new Below(res)
    const ops = ran ? this.#unwrite(below) : []
    const body = this.#bodyless || isBodyless(reply.status) ? null : reply.body
    const whole = body === null || body instanceof Uint8Array
    this.#mode = 'sealed'
    below.writing(() => {
      sendHead(res, below, reply)
      if (!whole) return
      this.#bytes += body?.byteLength ?? 0
      below.call('end', body === null ? [] : [body])
    })
    if (!whole) this.#pump(body, below)
    if (!ran) return
    comfort(res, ops)
    if (this.#toldToWait) this.#drain()
    this.#seal()
  }

  #pump(body: AsyncIterable<Uint8Array>, below: Below): void {
    void pump(body, this.res, {
      write: (bytes) => {
        this.#bytes += bytes.byteLength
        return below.writing(() => below.call('write', [bytes]) !== false)
      },
      end: () => {
        below.writing(() => below.call('end', []))
        if (this.#mode === 'taken' && !this.#ended) this.#seal()
      },
      fail: (error) => below.writing(() => this.res.destroy(error)),
    })
  }

  #pass(args: readonly unknown[], below: Below): boolean {
    const [chunk, encoding] = args
    if (!this.#bodyless) this.#bytes += byteLength(chunk, encoding)
    this.#body?.pass(() => toBytes(chunk, encoding))
    return below.call('write', args) !== false
  }

  #passEnd(args: readonly unknown[], below: Below): void {
    const chunk = chunkOf(args)
    if (chunk !== undefined) {
      if (!this.#bodyless) this.#bytes += byteLength(chunk, args[1])
      this.#body?.pass(() => toBytes(chunk, args[1]))
    }
    this.#ended = true
    this.#body?.passEnd()
    below.call('end', args)
    if (this.#abandoned) this.#seal()
  }

  #endTaken(args: readonly unknown[]): void {
    const chunk = chunkOf(args)
    const finished = callbackOf(args)
    if (finished) this.res.once('finish', finished)
    if (chunk !== undefined) this.#bodyStream().push(toBytes(chunk, args[1]), undefined)
    this.#bodyStream().pushEnd()
    this.#ended = true
    showEnded(this.res)
  }

  /** Takes back what the handler wrote, down to the fields that stood before it. */
  #unwrite(below: Below): readonly Op[] {
    const { res } = this
    if (this.#mode === 'held') unhold(res)
    below.writing(() => {
      writeFields(res, this.preset)
      if (res instanceof ServerResponse) res.statusMessage = ''
    })
    this.#body?.fail(new AlreadyAnsweredError())
    return this.#takeOps()
  }

  #seal(): void {
    this.#mode = 'sealed'
    seal(this.res)
    this.lifetime.abort(new AlreadyAnsweredError())
  }

  #takeOps(): readonly Op[] {
    const ops = this.#ops
    this.#ops = []
    return ops
  }

  #drain(): void {
    process.nextTick(() => this.res.emit('drain'))
  }
}

const ignore = (): void => undefined
