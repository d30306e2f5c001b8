import { VirtualClock } from '@millrace/testing'
import { type BatchContext, type BatcherOptions, batcher, type Load } from '../src/index.ts'

/** One batch, to be answered by hand. */
export interface Batch {
  readonly keys: readonly number[]
  readonly signal: AbortSignal
  /** Milliseconds on the clock when it went. */
  readonly at: number
  /** Answers with tenfold keys, or what is given. */
  answer(results?: readonly (number | Error)[]): void
  fail(error: unknown): void
}

export interface Scene {
  readonly clock: VirtualClock
  readonly load: Load<number, number>
  readonly batches: readonly Batch[]
  /** The keys of each batch. */
  readonly keys: readonly (readonly number[])[]
}

/** A batcher whose batches are answered by hand. */
export const scene = (options: BatcherOptions<number> = {}): Scene => {
  const clock = new VirtualClock()
  const batches: Batch[] = []
  const all: (readonly number[])[] = []
  const many = (keys: readonly number[], { signal }: BatchContext): Promise<readonly (number | Error)[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (number | Error)[]>()
    all.push(keys)
    batches.push({
      keys,
      signal,
      at: clock.elapsed(),
      answer: (results = keys.map((key) => key * 10)) => resolve(results),
      fail: reject,
    })
    return promise
  }
  return {
    clock,
    batches,
    load: batcher<number, number>(many, { clock, random: () => 1, ...options }),
    keys: all,
  }
}
