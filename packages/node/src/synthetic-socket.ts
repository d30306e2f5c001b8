import { EventEmitter } from 'node:events'
import { OutgoingMessage, type ServerResponse } from 'node:http'
import { isUint8Array } from 'node:util/types'
import type { Reply } from '@millrace/core'
import { readFields } from './fields.ts'

/** Bytes that may wait to be read before a `write` returns false. */
const highWaterMark = 64 * 1024

/** Where Node keeps that a writer waits for a `drain`. */
const needDrain = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === 'kNeedDrain',
)

/** The response was destroyed, or its handler let go of it, before it was complete. */
export class BrokenResponseError extends Error {
  override readonly name = 'BrokenResponseError'
  readonly code = 'ERR_MILLRACE_BROKEN_RESPONSE'

  constructor() {
    super('the response was destroyed before it was complete')
  }
}

/**
 * What stands in the place of a connection under a response of Node's own: it takes the bytes, leaves off the head, and
 * lets them be read. A socket as far as handlers ask for one.
 */
export class SyntheticSocket extends EventEmitter {
  readonly remoteAddress: string
  readonly encrypted: boolean
  readonly readable = true
  writable = true
  destroyed = false
  /** Node resets it at the end of a response. */
  readonly _writableState = { corked: 0 }
  readonly writableHighWaterMark: number = highWaterMark
  readonly #head = Promise.withResolvers<Reply>()
  #reply: Reply | undefined
  #res: ServerResponse | undefined
  #chunks: Uint8Array[] = []
  #queued = 0
  /** Bytes to come of a chunk (RFC 9112 section 7.1), and whether the end of a line is to come first. */
  #inChunk = 0
  #atLineEnd = false
  #starved = false
  #ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  /** @param encrypted looks like TLS */
  constructor(remoteAddress: string, encrypted: boolean) {
    super()
    this.remoteAddress = remoteAddress
    this.encrypted = encrypted
  }

  /** Takes what is written to the response. The response must not have written anything yet. */
  carry(res: ServerResponse): void {
    this.#res = res
    const finish = (): void => {
      this.#ended = true
      this.writable = false
      this.#wake?.()
      process.nextTick(() => this.emit('close'))
    }
    res.once('finish', finish)
    Reflect.apply(res.assignSocket, res, [this])
  }

  /** What is written has been taken already, whether somebody has read it or not. */
  get writableLength(): number {
    return 0
  }

  write(data: string | Uint8Array, encoding?: BufferEncoding | null, written?: () => void): boolean {
    const res = this.#res
    if (this.destroyed || res === undefined) return false
    // Nobody hears an informational response: what comes without a head of its own before the final one.
    const rest = this.#reply !== undefined ? data : res._header ? this.#begin(res, String(data)) : ''
    if (rest.length > 0) this.#take(isUint8Array(rest) ? rest : Buffer.from(rest, encoding ?? undefined))
    if (written) process.nextTick(written)
    this.#starved = this.#queued >= highWaterMark
    return !this.#starved
  }

  /** The reply, once its head is known. Its body is bytes where all of them are there, else a stream. */
  async reply(): Promise<Reply> {
    const reply = await this.#head.promise
    reply.body = this.#res?.writableEnded && !this.#failure ? this.#whole() : this.#rest()
    return reply
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this
    this.destroyed = true
    this.writable = false
    if (!this.#ended) {
      this.#failure = error ?? new BrokenResponseError()
      // An app that has thrown is not waited for.
      this.#head.promise.catch(() => undefined)
      this.#head.reject(this.#failure)
      this.#wake?.()
    }
    process.nextTick(() => this.emit('close'))
    return this
  }

  /** @returns what came with the head */
  #begin(res: ServerResponse, data: string): string {
    const { statusCode: status, statusMessage: reason } = res
    this.#reply = { status, reason, headers: readFields(res), body: null }
    this.#head.resolve(this.#reply)
    const rest = data.slice(res._header?.length ?? 0)
    if (!res.chunkedEncoding) return rest
    // Only the write that is under way comes in a chunk then.
    res.chunkedEncoding = false
    this.#inChunk = Number.parseInt(rest, 16) || 0
    this.#atLineEnd = this.#inChunk > 0
    return ''
  }

  #take(bytes: Uint8Array): void {
    if (this.#atLineEnd) {
      this.#atLineEnd = false
      return
    }
    if (this.#inChunk > 0) {
      this.#inChunk -= bytes.byteLength
      this.#atLineEnd = this.#inChunk <= 0
    }
    this.#chunks.push(bytes)
    this.#queued += bytes.byteLength
    this.#wake?.()
  }

  #whole(): Uint8Array | null {
    const chunks = this.#chunks
    this.#chunks = []
    this.#queued = 0
    if (chunks.length === 0) return null
    return chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks)
  }

  async *#rest(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = this.#chunks.shift()
        if (next) {
          this.#queued -= next.byteLength
          if (this.#starved && this.#queued < highWaterMark / 2) this.#drain()
          yield next
        } else if (this.#failure) throw this.#failure
        else if (this.#ended) return
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      // Nobody reads the rest.
      if (!this.#ended) this.destroy()
    }
  }

  #drain(): void {
    const res = this.#res
    this.#starved = false
    if (res === undefined || !res.writableNeedDrain) return
    if (needDrain !== undefined) res[needDrain] = false
    res.emit('drain')
  }

  end(): this {
    return this.destroy()
  }

  cork(): void {}
  uncork(): void {}
  pause(): this {
    return this
  }
  resume(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
}
