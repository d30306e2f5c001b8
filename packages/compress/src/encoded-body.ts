import { type Clock, flushPoint, type Timer } from '@millrace/core'
import type { Coder, Encoder } from './coder.ts'
import { Intake } from './intake.ts'

export interface Flow {
  readonly clock: Clock
  /**
   * Milliseconds that bytes are held back at most, for the sake of those that follow, by an encoder that has nothing else to do; 0 when
   * each chunk is to arrive.
   */
  readonly patience: number
  /** Changes the first encoded bytes. */
  readonly begin?: ((bytes: Uint8Array) => Uint8Array) | undefined
  /** Told once, when all of it is out. */
  ended(bytesIn: number, bytesOut: number): void
}

/** A body encoded as it comes, at the pace of who reads it. */
export class EncodedBody implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>
  readonly #coder: Coder
  readonly #flow: Flow
  #encoder: Encoder | undefined
  #isClosed = false
  #bytesIn = 0

  constructor(source: AsyncIterable<Uint8Array>, coder: Coder, flow: Flow) {
    this.#source = source
    this.#coder = coder
    this.#flow = flow
  }

  /** Gives up what is held for it. Without effect once it is over. */
  close(): void {
    this.#isClosed = true
    this.#encoder?.destroy()
  }

  /** Not a generator: one that is given up before its first chunk would not give up the source. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const source = this.#source[Symbol.asyncIterator]()
    let output: AsyncIterator<Uint8Array> | undefined
    let bytesOut = 0
    return {
      next: async () => {
        output ??= this.#begin(source)
        const step = await output.next()
        if (!step.done) {
          const value = bytesOut === 0 && this.#flow.begin ? this.#flow.begin(step.value) : step.value
          bytesOut += value.byteLength
          return { done: false, value }
        }
        if (!this.#isClosed) this.#flow.ended(this.#bytesIn, bytesOut)
        return step
      },
      return: async () => {
        this.#isClosed = true
        await (output ?? source).return?.()
        return { done: true, value: undefined }
      },
    }
  }

  #begin(source: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
    const encoder = this.#coder.stream()
    this.#encoder = encoder
    // Whoever reads it is told.
    encoder.on('error', ignore)
    if (this.#isClosed) encoder.destroy()
    void this.#feed(source, encoder)
    return encoder[Symbol.asyncIterator]()
  }

  async #feed(source: AsyncIterator<Uint8Array>, encoder: Encoder): Promise<void> {
    const { clock, patience } = this.#flow
    let timer: Timer | undefined
    let isOver = false
    const intake = new Intake(encoder)
    const flushAtRest = (): void => {
      timer = undefined
      intake.flushAtRest(this.#coder.flush)
    }
    encoder.once('close', () => {
      timer?.cancel()
      // Nobody is left to be told of an error.
      if (!isOver) void Promise.resolve(source.return?.()).catch(ignore)
    })
    try {
      while (!encoder.destroyed) {
        const step = await source.next()
        if (encoder.destroyed) return
        if (step.done) {
          isOver = true
          timer?.cancel()
          intake.end()
          return
        }
        if (step.value === flushPoint) {
          timer?.cancel()
          timer = undefined
          intake.flush(this.#coder.flush)
          continue
        }
        this.#bytesIn += step.value.byteLength
        await intake.write(step.value)
        if (encoder.destroyed) return
        if (patience === 0) intake.flush(this.#coder.flush)
        else timer ??= clock.after(patience, flushAtRest)
      }
    } catch (error) {
      isOver = true
      encoder.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

const ignore = (): void => undefined
