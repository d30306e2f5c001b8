import { ServerResponse } from 'node:http'
import { AlreadyAnsweredError, type Body, ClientGoneError, type HeaderMap, type Reply } from '@millrace/core'
import { type Below, callBelow, endBelow, type Method, methodsOf } from './below.ts'
import { byteLength, toBytes } from './bytes.ts'
import { CapturedBody } from './captured-body.ts'
import { CapturedReply, type Written } from './captured-reply.ts'
import { drain } from './drains.ts'
import { Expected } from './expected.ts'
import { giveFields, mergeFields, readFields } from './fields.ts'
import { isWriting, markSealed, type Receiver, writing } from './front.ts'
import { isBodyless, ownReason, takeHead } from './head.ts'
import { HeadersSentError, headWritten, hold, type Standing, showEnded, standingBy } from './held.ts'
import { Hooks } from './hooks.ts'
import type { HostResponse } from './host.ts'
import { seal } from './late.ts'
import { Lifetime } from './lifetime.ts'
import { installMethods, methodsAt } from './methods.ts'
import type { Mode } from './mode.ts'
import { aroundEnd, bytesOf, callbackOf, chunkOf, isFlush, type Op, wholeOf } from './ops.ts'
import { SocketGuard } from './socket-guard.ts'
import { checkChunk, checkStanding, writeAfterEnd } from './validate.ts'

/**
 * Writes down what a handler writes to its response: turns it into a {@link Reply} as soon as the head is known, and
 * keeps the calls until the layers have returned.
 */
export abstract class Recorder implements Receiver, Written {
  readonly res: HostResponse
  readonly lifetime: Lifetime
  protected readonly bodyless: boolean
  protected mode: Mode = 'open'
  protected below: Below | undefined
  protected depth = 0
  #preset: HeaderMap | undefined
  #ops: Op[] = []
  #guard: SocketGuard | undefined
  /** The status and reason when the head was due: later changes do not count. */
  protected standing: Standing | undefined
  /** Once they have been asked. */
  protected hooks: Hooks | undefined
  /** The fields of the handler's own `writeHead`. */
  #given: unknown
  #heldBytes = 0
  protected toldToWait = false
  protected ended = false
  /** The handler still runs, but the host answers: whatever comes after that answer is late. */
  protected abandoned = false
  protected reply: CapturedReply | undefined
  protected body: CapturedBody | undefined
  readonly #expected = new Expected()
  protected sent = 0

  constructor(res: HostResponse, method: string) {
    this.res = res
    this.lifetime = new Lifetime(res, this)
    this.bodyless = method === 'HEAD'
  }

  abstract readonly bytes: number
  abstract send(reply: Reply): void

  /** Header fields that were on the response before the handler ran. */
  get preset(): HeaderMap {
    this.#preset ??= readFields(this.res)
    return this.#preset
  }

  closed(aborted: boolean): void {
    if (aborted) this.body?.fail(new ClientGoneError())
    if (this.mode !== 'open') return
    this.mode = 'passing'
    if (this.opened) this.#expected.reject(new ClientGoneError())
  }

  get replied(): boolean {
    return this.reply !== undefined
  }

  get opened(): boolean {
    return this.below !== undefined
  }

  open(handler: () => void): Promise<Reply> {
    this.#install()
    if (this.res.closed === true) return Promise.reject(new ClientGoneError())
    try {
      handler()
    } catch (error) {
      this.#expected.reject(error)
    }
    // An answer that is there cannot be missed; who reads it watches by itself.
    if (!this.replied) this.lifetime.watch()
    return this.#expected.promise
  }

  /** For a handler that failed before it answered, on a host that does not turn errors into answers. */
  fail(error: unknown): void {
    this.lifetime.handlerEnded()
    this.#expected.reject(error)
  }

  /** For a host that makes a reply of its own idea of a response, once its handler is through. */
  offer(reply: Reply): void {
    this.#expected.resolve(reply)
  }

  /**
   * Lets what is written from now on go through as it is, for a host that turns its own idea of a response into
   * writes.
   *
   * @param body is shown the bytes on their way
   */
  pass(body?: CapturedBody): void {
    if (this.mode !== 'open') return
    this.lifetime.whenHandlerEnds = undefined
    this.body = body
    this.mode = 'passing'
  }

  #install(): void {
    if (this.below) return
    this.#preset ??= readFields(this.res)
    this.below = methodsOf(this.res)
    this.depth = installMethods(this.res, this)
  }

  /** What the calls go on to, once it is opened. */
  get #beneath(): Below {
    if (!this.below) throw new TypeError('the capture has not been opened')
    return this.below
  }

  onWriteHead(args: readonly unknown[]): unknown {
    if (this.mode === 'open' && this.hooks) {
      giveFields(this.res, takeHead(this.res, args))
      return this.res
    }
    if (this.#direct) return callBelow(this.res, this.#beneath, 'writeHead', args)
    if (this.mode !== 'open') throw new HeadersSentError(this.res)
    this.#given = takeHead(this.res, args)
    this.#hold('writeHead', args)
    return this.res
  }

  onWrite(args: readonly unknown[]): boolean {
    if (this.#direct) return this.writeThrough(args, this.#beneath)
    const [chunk, encoding] = args
    checkChunk(chunk, encoding)
    if (this.mode === 'taken') return this.#writeTaken(args)
    this.#heldBytes += byteLength(chunk, encoding)
    this.#hold('write', args)
    if (this.#heldBytes >= this.res.writableHighWaterMark) this.toldToWait = true
    // After the end Node says false, and the error comes when the call is made.
    return !this.toldToWait && !this.ended
  }

  onEnd(args: readonly unknown[]): unknown {
    if (this.#direct) {
      this.lifetime.handlerEnded()
      this.endThrough(args, this.#beneath)
    } else {
      const chunk = chunkOf(args)
      if (chunk !== undefined) checkChunk(chunk, args[1])
      if (this.mode !== 'taken') {
        this.#hold('end', args)
        if (!this.ended) hold(this.res, true)
        this.ended = true
      } else if (this.ended && chunk !== undefined) writeAfterEnd(this.res, args)
      else this.endTaken(args)
      this.lifetime.handlerEnded()
    }
    return this.res
  }

  onFlushHeaders(): void {
    const below = this.#beneath
    if (this.#direct) callBelow(this.res, below, 'flushHeaders', [])
    else if (headWritten(this.res)) writing(this.res, () => callBelow(this.res, below, 'flushHeaders', []))
    else this.#hold('flushHeaders', [])
  }

  onOther(method: 'flush' | 'destroy' | 'cork' | 'uncork', args: readonly unknown[]): unknown {
    if (method === 'flush' && this.mode === 'taken') {
      if (!this.ended) this.bodyStream().push(bytesOf({ method, args }), undefined)
      return undefined
    }
    if (!this.#keeping) {
      // The handler's corks are moot, not those that Node makes and undoes around the end.
      const moot = this.mode === 'taken' && !isWriting(this.res) && (method === 'cork' || method === 'uncork')
      return moot ? undefined : callBelow(this.res, this.#beneath, method, args)
    }
    // In its place among the writes: what was written before goes out first, and corks change chunk boundaries.
    this.#ops.push({ method, args })
    return method === 'destroy' && this.res instanceof ServerResponse ? this.res : undefined
  }

  #writeTaken(args: readonly unknown[]): boolean {
    const [chunk, encoding] = args
    if (this.ended) {
      writeAfterEnd(this.res, args)
      return false
    }
    const bytes = toBytes(chunk, encoding)
    // An empty write sends the head.
    if (bytes.byteLength === 0) this.onFlushHeaders()
    return this.bodyStream().push(bytes, callbackOf(args))
  }

  /** Whether calls wait until the layers have returned. */
  get #keeping(): boolean {
    return this.mode === 'held' || (this.mode === 'taken' && !headWritten(this.res))
  }

  /** From now on what is written goes to the layer that reads the body. */
  protected take(): void {
    if (this.mode !== 'held') return
    this.mode = 'taken'
    const [whole, after] = aroundEnd(this.takeOps())
    for (const op of whole) {
      const isByte = op.method === 'write' || op.method === 'flush'
      if (isByte) this.bodyStream().push(bytesOf(op), callbackOf(op.args))
      else if (op.method === 'end') this.endTaken(op.args)
      if (op.method !== 'end' && (op.method !== 'write' || isFlush(op))) this.#ops.push(op)
    }
    this.#ops.push(...after)
    if (this.toldToWait) drain(this.res, this.depth)
  }

  /** Whether calls go straight through: released, or a head was written past us. */
  get #direct(): boolean {
    if (this.mode === 'passing' || this.mode === 'sealed') return true
    if (this.res.destroyed && this.mode !== 'held') return true
    if (this.mode !== 'open') return false
    if (!headWritten(this.res)) return false
    this.mode = 'passing'
    this.#announce(ownReason(this.res))
    return true
  }

  #hold(method: Method, args: readonly unknown[]): void {
    const { res } = this
    if (this.mode === 'open' && method !== 'writeHead') {
      this.#askHooks()
      checkStanding(res)
    }
    this.#ops.push({ method, args })
    if (this.mode !== 'open') return
    this.mode = 'held'
    // HTTP/2's socket is everybody's, and a stream's own destruction passes by `destroy` above.
    if (res instanceof ServerResponse && res.socket) this.#guard = new SocketGuard(res.socket)
    const [, reason] = args
    const given = method === 'writeHead' && typeof reason === 'string' ? reason : undefined
    this.#announce(given ?? ownReason(res))
    hold(res, false)
    this.standing = standingBy(res, given)
  }

  #askHooks(): void {
    const { writeHead } = methodsAt(this.depth)
    if (this.res.writeHead === writeHead) return
    this.hooks = new Hooks(this.res, writeHead)
    this.hooks.ask()
  }

  /** Runs `task`, with hooks that have been asked out of Node's way. */
  protected unhooked(task: () => void): void {
    if (this.hooks) this.hooks.without(task)
    else task()
  }

  #announce(reason: string | undefined): void {
    this.reply = new CapturedReply(Number(this.res.statusCode), reason, this)
    this.#expected.resolve(this.reply)
  }

  get capture(): this {
    return this
  }

  readFields(): HeaderMap {
    return mergeFields(readFields(this.res), this.#given)
  }

  readBody(): Body {
    if (this.bodyless || isBodyless(this.res.statusCode)) return null
    const whole = wholeOf(this.#ops)
    return whole === undefined ? this.bodyStream() : whole
  }

  protected bodyStream(): CapturedBody {
    if (!this.body) {
      this.lifetime.watch()
      this.body = new CapturedBody(
        () => drain(this.res, this.depth),
        () => this.take(),
      )
    }
    return this.body
  }

  protected writeThrough(args: readonly unknown[], below: Below): boolean {
    const [chunk, encoding] = args
    if (!this.bodyless) this.sent += byteLength(chunk, encoding)
    this.body?.pass(() => toBytes(chunk, encoding))
    return callBelow(this.res, below, 'write', args) !== false
  }

  protected endThrough(args: readonly unknown[], below: Below): void {
    const chunk = chunkOf(args)
    if (chunk !== undefined) {
      if (!this.bodyless) this.sent += byteLength(chunk, args[1])
      this.body?.pass(() => toBytes(chunk, args[1]))
    }
    this.ended = true
    this.body?.passEnd()
    endBelow(this.res, below, args)
    if (this.abandoned) this.seal()
  }

  protected endTaken(args: readonly unknown[]): void {
    const chunk = chunkOf(args)
    const finished = callbackOf(args)
    if (finished) this.res.once('finish', finished)
    if (chunk !== undefined) this.bodyStream().push(toBytes(chunk, args[1]), undefined)
    this.bodyStream().pushEnd()
    this.ended = true
    showEnded(this.res)
  }

  protected seal(): void {
    this.mode = 'sealed'
    if (markSealed(this.res, this.depth)) seal(this.res)
    const why = new AlreadyAnsweredError()
    // Layers further in may still wait, and hold what others wait for; or nobody does.
    this.#expected.giveUp(why)
    this.lifetime.abort(why)
  }

  protected takeOps(): readonly Op[] {
    const ops = this.#ops
    this.#ops = []
    return ops
  }

  /** Ends the hold: lets through what wanted to destroy the connection meanwhile, behind the answer. */
  protected letGo(): void {
    this.#guard?.release()
  }
}
