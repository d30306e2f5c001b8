import { type BodyObserver, BodyStream, flushPoint } from '@millrace/core'

/** How much a handler may write ahead of a layer that reads its body before `write` returns false. */
const highWaterMark = 64 * 1024

/**
 * The body that a handler is writing. Observers see the chunks on their way; a layer that iterates takes them over,
 * and then the handler writes at that layer's pace.
 */
export class CapturedBody extends BodyStream {
  /** A layer reads the chunks; they no longer go straight to the client. */
  taken = false
  #observers: BodyObserver[] | undefined
  readonly #queue: { readonly bytes: Uint8Array; readonly written: (() => void) | undefined }[] = []
  #queued = 0
  #ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined
  #starved = false
  #abandoned = false
  readonly #drained: () => void
  readonly #began: () => void
  readonly #source: AsyncIterable<Uint8Array> | undefined

  /**
   * @param drained called when a writer that was told to wait may go on
   * @param began called when a layer begins to read, before it gets anything
   * @param source where a layer that iterates gets the bytes from, if not from the handler's writes
   */
  constructor(drained: () => void, began: () => void, source?: AsyncIterable<Uint8Array>) {
    super()
    this.#drained = drained
    this.#began = began
    this.#source = source
  }

  observe(observer: BodyObserver): void {
    this.#observers ??= []
    this.#observers.push(observer)
  }

  /** @param bytes made only when somebody looks */
  pass(bytes: () => Uint8Array): void {
    if (!this.#observers) return
    const chunk = bytes()
    for (const observer of this.#observers) observer.chunk(chunk)
  }

  passEnd(): void {
    const observers = this.#observers
    this.#observers = undefined
    if (observers) for (const observer of observers) observer.end()
  }

  /** The body will get no further. */
  fail(error: Error): void {
    const observers = this.#observers
    this.#observers = undefined
    if (observers) for (const observer of observers) observer.fail(error)
    if (this.#ended) return
    this.#failure = error
    this.#wake?.()
  }

  /** @returns whether the writer may go on. */
  push(bytes: Uint8Array, written: (() => void) | undefined): boolean {
    this.pass(() => bytes)
    if (this.#abandoned) {
      written?.()
      return true
    }
    this.#queue.push({ bytes, written })
    this.#queued += bytes.byteLength
    this.#wake?.()
    if (this.#queued >= highWaterMark) this.#starved = true
    return !this.#starved
  }

  pushEnd(): void {
    this.#ended = true
    this.passEnd()
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.taken) throw new Error('the body of a reply can be read once; use tap() to look at it')
    this.taken = true
    if (this.#source) {
      yield* this.#read(this.#source)
      return
    }
    this.#began()
    try {
      for (;;) {
        const next = this.#queue.shift()
        if (next) {
          this.#queued -= next.bytes.byteLength
          next.written?.()
          if (this.#starved && this.#queued < highWaterMark / 2) this.#relieve()
          if (next.bytes.byteLength > 0 || next.bytes === flushPoint) yield next.bytes
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
      this.abandon()
    }
  }

  /** Nobody will read the rest; who writes it goes on as if it were read. */
  abandon(): void {
    this.#abandoned = true
    for (const left of this.#queue.splice(0)) left.written?.()
    this.#relieve()
  }

  async *#read(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const bytes of source) {
        this.pass(() => bytes)
        yield bytes
      }
      this.passEnd()
    } finally {
      this.fail(new Error('the body was not read to its end'))
    }
  }

  #relieve(): void {
    if (!this.#starved) return
    this.#starved = false
    this.#drained()
  }
}
