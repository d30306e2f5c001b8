/** A reply's bytes: all of them at once, as they come, or none. What comes may have a `byteLength`, too. */
export type Body = Uint8Array | AsyncIterable<Uint8Array> | null

/**
 * Stands among the chunks of a body where the handler has called `flush()`: who holds bytes back is to let them go
 * (`exchange.offerFlush()`). It is this very object, and no content.
 */
export const flushPoint: Uint8Array = new Uint8Array(0)

/** How many bytes a body has, where it says so (`byteLength`); undefined of none, and of a stream that does not. */
export const byteLengthOf = (body: Body): number | undefined =>
  body !== null && 'byteLength' in body && typeof body.byteLength === 'number' ? body.byteLength : undefined

/** Sees the bytes of a body as they pass. Exactly one of `end` and `fail` is called, last. */
export interface BodyObserver {
  chunk(bytes: Uint8Array): void
  end(): void
  /** The body broke off: the source failed or the client left. */
  fail(error: Error): void
}

/**
 * A body that can be watched without being taken: observers see each chunk as it goes to the client, at the
 * client's pace, and the client gets it as if nobody looked.
 */
export abstract class BodyStream implements AsyncIterable<Uint8Array> {
  /** Must be called before the reply is returned: chunks that have passed are gone. */
  abstract observe(observer: BodyObserver): void
  abstract [Symbol.asyncIterator](): AsyncIterator<Uint8Array>
}

/** Any other iterable made observable. */
class ObservedBody extends BodyStream {
  readonly #source: AsyncIterable<Uint8Array>
  readonly #observers: BodyObserver[] = []

  constructor(source: AsyncIterable<Uint8Array>) {
    super()
    this.#source = source
  }

  observe(observer: BodyObserver): void {
    this.#observers.push(observer)
  }

  /** Not a generator: one that is given up before its first chunk runs none of its code, not even `finally`. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const source = this.#source[Symbol.asyncIterator]()
    const observers = this.#observers
    let settled = false
    const fail = (error: unknown): void => {
      if (settled) return
      settled = true
      const reason = error instanceof Error ? error : new Error(String(error))
      for (const observer of observers) observer.fail(reason)
    }
    return {
      async next() {
        try {
          const step = await source.next()
          if (!step.done) for (const observer of observers) observer.chunk(step.value)
          else if (!settled) {
            settled = true
            for (const observer of observers) observer.end()
          }
          return step
        } catch (error) {
          fail(error)
          throw error
        }
      },
      async return() {
        fail(new Error('the body was not read to its end'))
        await source.return?.()
        return { done: true, value: undefined }
      },
    }
  }
}

/**
 * The reply's whole body, without delaying the client and without holding more than `limit` bytes.
 * Call it before the reply is returned. A body that is bytes already comes back as it is, not copied.
 *
 * @returns the bytes once the last has passed; undefined when there were more than `limit` or the body broke off.
 */
export const tap = (reply: { body: Body }, limit: number): Promise<Uint8Array | undefined> => {
  const { body } = reply
  if (body === null) return Promise.resolve(new Uint8Array(0))
  if (body instanceof Uint8Array) return Promise.resolve(body.byteLength <= limit ? body : undefined)
  let stream: BodyStream
  if (body instanceof BodyStream) stream = body
  else {
    stream = new ObservedBody(body)
    reply.body = stream
  }
  return new Promise((resolve) => {
    let chunks: Uint8Array[] = []
    let length = 0
    stream.observe({
      chunk(bytes) {
        length += bytes.byteLength
        // A copy: whoever writes may use the buffer again for the next chunk.
        if (length <= limit) chunks.push(new Uint8Array(bytes))
        else {
          chunks = []
          resolve(undefined)
        }
      },
      end: () => resolve(length <= limit ? concat(chunks, length) : undefined),
      fail: () => resolve(undefined),
    })
  })
}

const concat = (chunks: readonly Uint8Array[], length: number): Uint8Array => {
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
