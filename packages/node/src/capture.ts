import { ServerResponse } from 'node:http'
import { AlreadyAnsweredError, byteLengthOf, type Reply } from '@millrace/core'
import { answerThrough } from './answer.ts'
import { type Below, callBelow, endBelow, methodsOf } from './below.ts'
import { CapturedReply } from './captured-reply.ts'
import { drain, onDrain } from './drains.ts'
import { writeFields } from './fields.ts'
import { isSealedAround, writing } from './front.ts'
import { changeHead, headArgs } from './head.ts'
import { headWritten, stand, standingOf, unhold } from './held.ts'
import { aroundEnd, comfort, isFlush, type Op } from './ops.ts'
import { pump, type Sink } from './pump.ts'
import { Recorder } from './recorder.ts'
import { writeAfterEnd } from './validate.ts'

/**
 * The one thing that stands between a handler and its response: what the handler writes becomes a {@link Reply}, and
 * the reply that the layers return is sent. Captures nest, also with other middleware that replaces methods of the
 * response in between.
 */
export class Capture extends Recorder {
  /** What sends instead, when another capture's reply is the answer. */
  #sender: { readonly bytes: number } | undefined

  /** Body bytes so far, whoever sends them. */
  get bytes(): number {
    return this.#sender?.bytes ?? this.sent
  }

  /**
   * Sends what the layers returned. The handler's reply goes out as it was written, changed where a layer changed it;
   * any other seals the response for the handler.
   */
  send(reply: Reply): void {
    if (isSealedAround(this.res, this.depth)) this.#giveUp()
    else if (reply instanceof CapturedReply && reply.capture && reply.capture !== this) {
      this.#sender = reply.capture
      reply.capture.send(reply)
    } else if (reply !== this.reply) this.#answer(reply)
    else if ((this.mode === 'held' || this.mode === 'taken') && this.below) {
      // Who has read the body without giving another has taken it.
      if (this.reply.bodyChanged || this.mode === 'taken') this.#replace(this.reply, this.below)
      else this.#release(this.reply, this.below)
    }
  }

  /**
   * Sends what the host has written by itself after it had offered `offered` for it, with what the layers changed in
   * that.
   */
  sendWritten(offered: CapturedReply): void {
    const { reply } = this
    if (!reply) return
    if (offered.headChanged) {
      reply.status = offered.status
      reply.reason = offered.reason
      reply.headers = offered.headers
    }
    if (offered.bodyChanged) reply.body = offered.body
    this.send(reply)
  }

  /** A layer further out has answered meanwhile. */
  #giveUp(): void {
    comfort(this.res, this.takeOps())
    this.body?.fail(new AlreadyAnsweredError())
    this.body?.abandon()
    this.mode = 'sealed'
    this.letGo()
    this.lifetime.abort(new AlreadyAnsweredError())
  }

  /** Forgets what the handler wrote, for an error that the host itself is going to answer. */
  abandon(): void {
    if (this.below === undefined || headWritten(this.res) || isSealedAround(this.res, this.depth)) return
    if (this.mode === 'held') comfort(this.res, this.#unwrite())
    this.abandoned = !this.ended
    this.ended = false
    this.mode = 'passing'
    this.letGo()
    this.lifetime.abort(new AlreadyAnsweredError())
  }

  /** As the handler wrote it, but for changes to the head. */
  #release(reply: CapturedReply, below: Below): void {
    const { res } = this
    const changed = reply.headChanged
    const ops = this.takeOps()
    const later = standingOf(res)
    unhold(res)
    this.mode = 'passing'
    let flowing = true
    const write = (): void => {
      for (const { method, args } of ops) {
        if (method === 'write') flowing = this.writeThrough(args, below)
        else if (method === 'end') this.endThrough(args, below)
        else if (method === 'destroy') this.#destroy(args, below)
        else callBelow(res, below, method, changed && method === 'writeHead' ? headArgs(reply) : args)
      }
    }
    if (changed) writing(res, () => changeHead(res, reply))
    else if (this.standing) stand(res, this.standing)
    writing(res, () => this.unhooked(write))
    // What the handler has set since its head was due is not in the head, but stands for who asks.
    if (this.standing && later.statusCode !== this.standing.statusCode) stand(res, later)
    this.letGo()
    // The handler waits for a 'drain' that Node has no reason to emit.
    if (this.toldToWait && flowing && !this.ended) drain(this.res, this.depth)
  }

  #replace(reply: CapturedReply, below: Below): void {
    const { body } = reply
    if (body === null || body instanceof Uint8Array) this.#replaceWhole(reply, body, below)
    else this.#replaceStream(reply, body, below)
  }

  /** The handler's head, with bytes that a layer has put in the place of the handler's. */
  #replaceWhole(reply: CapturedReply, body: Uint8Array | null, below: Below): void {
    const { res } = this
    const late = !this.ended
    const [whole, after] = aroundEnd(this.takeOps())
    // Who watched the handler's body has not seen it, unless it was read.
    this.body?.fail(new AlreadyAnsweredError())
    this.body = undefined
    unhold(res)
    // An absent length Node adds by itself; a deleted one it would take for a wish to have none.
    if (reply.headers.has('content-length')) reply.headers.set('content-length', body?.byteLength ?? 0)
    this.mode = 'passing'
    writing(res, () => {
      changeHead(res, reply)
      comfort(res, whole)
      this.unhooked(() => this.endThrough(body === null ? [] : [body], below))
      this.#afterEnd(after, below)
    })
    this.letGo()
    if (late) this.seal()
  }

  /** The handler's head, with a stream that may read the handler's. */
  #replaceStream(reply: CapturedReply, body: AsyncIterable<Uint8Array>, below: Below): void {
    const { res } = this
    this.take()
    const ops = this.takeOps()
    unhold(res)
    const length = reply.headers.has('transfer-encoding') ? undefined : byteLengthOf(body)
    const framed = length === undefined && reply.headers.delete('content-length')
    if (length !== undefined) reply.headers.set('Content-Length', length)
    writing(res, () => {
      changeHead(res, reply)
      // Koa takes the chunks away with a body that it then gets after all; without the length they are needed.
      if (framed && res instanceof ServerResponse) res._removedTE = false
      // Corks are on the handler's chunks, which no longer are what is written.
      while (res.writableCorked > 0) callBelow(res, below, 'uncork', [])
      callBelow(res, below, 'writeHead', headArgs(reply))
      if (ops.some(isFlush)) callBelow(res, below, 'flushHeaders', [])
    })
    const rest = ops.filter((op) => !isFlush(op))
    if (!this.ended) this.#afterEnd(rest, below)
    this.letGo()
    this.#pump(body, below, this.ended ? rest : [])
  }

  #destroy(args: readonly unknown[], below: Below): void {
    this.letGo()
    // In a turn of its own: what has just been written is still corked.
    setImmediate(() => callBelow(this.res, below, 'destroy', args))
  }

  /** Calls after the end do what they would have done. */
  #afterEnd(ops: readonly Op[], below: Below): void {
    for (const { method, args } of ops) {
      if (method === 'write') writeAfterEnd(this.res, args)
      else if (method === 'destroy') this.#destroy(args, below)
    }
  }

  /** A reply that a layer made: what the handler has written, or will, is nobody's business any more. */
  #answer(reply: Reply): void {
    const { res } = this
    if (headWritten(res)) return
    const ran = this.below !== undefined
    const below = this.below ?? methodsOf(res)
    const ops = ran ? this.#unwrite() : []
    this.mode = 'sealed'
    const rest = writing(res, () => {
      while (res.writableCorked > 0) callBelow(res, below, 'uncork', [])
      return answerThrough(res, below, reply, this.bodyless)
    })
    this.letGo()
    if (rest) this.#pump(rest, below)
    else if (reply.body instanceof Uint8Array && !this.bodyless) this.sent += reply.body.byteLength
    if (!ran) return
    comfort(res, ops)
    if (this.toldToWait) drain(this.res, this.depth)
    this.seal()
  }

  /** @param after calls of the handler's behind its end */
  #pump(body: AsyncIterable<Uint8Array>, below: Below, after: readonly Op[] = []): void {
    const { res } = this
    const sink: Sink = {
      write: (bytes) => {
        this.sent += bytes.byteLength
        return writing(res, () => callBelow(res, below, 'write', [bytes]) !== false)
      },
      flush: () => void callBelow(res, below, 'flush', []),
      end: () => {
        writing(res, () => endBelow(res, below, []))
        this.#afterEnd(after, below)
        if (this.mode !== 'taken' || this.ended) return
        // A handler that waits to go on would wait for ever.
        this.body?.abandon()
        this.seal()
      },
      fail: (error) => writing(res, () => res.destroy(error)),
      onDrain: (wake) => onDrain(res, this.depth, below.on, wake),
    }
    void writing(res, () => pump(body, res, sink))
  }

  /** Takes back what the handler wrote, down to the fields that stood before it. */
  #unwrite(): readonly Op[] {
    const { res } = this
    // An inner capture may hold it too.
    unhold(res)
    writing(res, () => {
      writeFields(res, this.preset)
      if (res instanceof ServerResponse) res.statusMessage = ''
    })
    this.body?.fail(new AlreadyAnsweredError())
    this.body?.abandon()
    return this.takeOps()
  }
}
