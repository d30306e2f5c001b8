import { turn } from '@millrace/core'
import { BatchStoppedError } from '../errors.ts'
import type { Gathering } from '../options.ts'
import { AdaptiveSize } from '../policy.ts'
import { type BatchContext, type Many, Run, type Works } from '../run.ts'
import { Chunk, type Outcome, type Told } from './chunk.ts'
import type { Listing } from './options.ts'
import { type Progress, progressed } from './progress.ts'
import { Pull, type Source } from './source.ts'

/** What has become of all items. */
export interface Summary<I, O> extends Progress {
  /** Of the first hundred that failed. */
  readonly failures: readonly (Outcome<I, O> & { readonly status: 'rejected' })[]
}

/** Failures that a summary tells of. */
const shown = 100

/** Milliseconds between two reports of progress. */
const reported = 100

/** Items after which others have their turn of the event loop. */
const portion = 500

/**
 * The work on a list. It begins when it is awaited, or its outcomes are read: `await` gives the summary, and `for await` each
 * outcome as it comes, at the reader's pace. Nothing but what runs, and what a reader has not yet read, is held.
 */
export class Processing<I, O> implements PromiseLike<Summary<I, O>>, Works<I, O>, Told<I, O> {
  readonly name: string
  readonly gathering: Gathering
  readonly clock: Listing['clock']
  readonly random: () => number
  readonly #listing: Listing
  readonly #source: Source<I>
  readonly #work: Many<I, O>
  readonly #adaptive: AdaptiveSize | undefined
  readonly #chunks = new Set<Chunk<I, O>>()
  readonly #failures: Summary<I, O>['failures'][number][] = []
  readonly #over = Promise.withResolvers<void>()
  #pull: Pull<I> | undefined
  #began = 0
  #done = 0
  #failed = 0
  #begun: number
  #retries = 0
  #splits = 0
  /** Calls of the worker that have not come back. */
  #open = 0
  #sinceTurn = 0
  #lastReport = 0
  #isOver = false
  #duration = 0
  /** Why it was broken off. */
  #ending: { readonly error: unknown } | undefined
  /** Where it was then. */
  #endedAt: number | undefined
  /** Outcomes that wait for their reader; undefined where there is none. */
  #unread: Outcome<I, O>[] | undefined
  #wakeReader: (() => void) | undefined
  readonly #waitingForReader: (() => void)[] = []

  constructor(source: Source<I>, work: Many<I, O>, listing: Listing) {
    this.name = listing.name
    this.gathering = listing.gathering
    this.clock = listing.clock
    this.random = listing.random
    this.#listing = listing
    this.#source = source
    this.#work = work
    this.#begun = listing.cursor
    const { max } = listing.gathering
    this.#adaptive = typeof max === 'object' ? new AdaptiveSize(max) : undefined
  }

  /** How far it is. */
  get progress(): Progress {
    const { name } = this
    let running = 0
    for (const { items } of this.#chunks) for (const { isWaiting } of items) if (isWaiting) running++
    return {
      name,
      total: this.#pull?.total,
      done: this.#done,
      failed: this.#failed,
      running,
      hanging: Math.max(0, this.#open - this.#chunks.size),
      retries: this.#retries,
      splits: this.#splits,
      size: this.#size,
      cursor: this.#cursor,
      duration:
        this.#isOver || this.#pull === undefined ? this.#duration : this.clock.elapsed() - this.#began,
      isOver: this.#isOver,
    }
  }

  /**
   * The summary, when all is done. Rejects with the reason of the signal, or with what the source has thrown; `progress`
   * says where it was.
   */
  // biome-ignore lint/suspicious/noThenProperty: it can be awaited.
  then<A = Summary<I, O>, B = never>(
    fulfilled?: ((summary: Summary<I, O>) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#begin()
    return this.#over.promise.then(() => this.#conclude()).then(fulfilled, rejected)
  }

  /** Each outcome when it is there. Who leaves the loop ends the work. @throws what `await` rejects with */
  async *[Symbol.asyncIterator](): AsyncGenerator<Outcome<I, O>> {
    if (this.#pull !== undefined)
      throw new Error(`list "${this.name}": its outcomes are read from the beginning, once`)
    const unread: Outcome<I, O>[] = []
    this.#unread = unread
    this.#begin()
    try {
      for (;;) {
        if (unread.length > 0) {
          for (const outcome of unread.splice(0)) yield outcome
          for (const wake of this.#waitingForReader.splice(0)) wake()
        } else if (this.#isOver) break
        else
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve
          })
      }
      this.#conclude()
    } finally {
      this.#end(new BatchStoppedError(this.name))
    }
  }

  /** Every outcome, in the order of the items: for lists that fit into memory twice. */
  async toArray(): Promise<readonly Outcome<I, O>[]> {
    const all: Outcome<I, O>[] = []
    for await (const outcome of this) all.push(outcome)
    return all.sort((a, b) => a.index - b.index)
  }

  /** @see Works */
  get many(): Many<I, O> {
    return this.#call
  }

  ran(items: number, duration: number): void {
    this.#adaptive?.record(items, duration)
  }

  settled(outcome: Outcome<I, O>): void {
    // What is given up is not done, and has not failed.
    if (this.#ending !== undefined || this.#isOver) return
    if (outcome.status === 'fulfilled') this.#done++
    else {
      this.#failed++
      if (this.#failures.length < shown) this.#failures.push(outcome)
    }
    if (this.#unread === undefined) return
    this.#unread.push(outcome)
    this.#wakeReader?.()
  }

  get #size(): number {
    const { max } = this.gathering
    return this.#adaptive?.size ?? (typeof max === 'number' ? max : max.max)
  }

  get #cursor(): number {
    if (this.#endedAt !== undefined) return this.#endedAt
    // The first that was begun stands first.
    for (const { cursor } of this.#chunks) return cursor
    return this.#begun
  }

  readonly #call: Many<I, O> = async (items, context: BatchContext) => {
    this.#open++
    try {
      return await this.#work(items, context)
    } finally {
      this.#open--
    }
  }

  #begin(): void {
    if (this.#pull !== undefined) return
    const { signal, cursor } = this.#listing
    this.#pull = new Pull(this.#source, cursor)
    this.#began = this.clock.elapsed()
    this.#lastReport = this.#began
    const abort = (): void => this.#end(signal?.reason)
    if (signal?.aborted) {
      abort()
      return
    }
    signal?.addEventListener('abort', abort)
    const lanes = Array.from({ length: this.gathering.concurrency }, () => this.#lane(this.#pull))
    void Promise.all(lanes).then(() => {
      signal?.removeEventListener('abort', abort)
      this.#close()
    })
    void this.#over.promise.then(() => signal?.removeEventListener('abort', abort))
  }

  /** One run after the other. Never rejects. */
  async #lane(pull: Pull<I> | undefined): Promise<void> {
    while (pull !== undefined && this.#ending === undefined) {
      if (this.#unread !== undefined && this.#unread.length >= this.#size * this.gathering.concurrency) {
        await new Promise<void>((resolve) => this.#waitingForReader.push(resolve))
        continue
      }
      const size = this.#size
      const taking = pull.take(size)
      const { start, items } = taking instanceof Promise ? await taking : taking
      if (items.length === 0 || this.#ending !== undefined) return
      await this.#run(new Chunk(start, items, this.clock.elapsed(), this), items.length === size)
      this.#sinceTurn += items.length
      if (this.#sinceTurn < portion) continue
      this.#sinceTurn = 0
      await turn()
    }
  }

  async #run(chunk: Chunk<I, O>, isFull: boolean): Promise<void> {
    const run = new Run(this, chunk.items)
    this.#chunks.add(chunk)
    this.#begun = chunk.cursor + chunk.items.length
    await run.bring(isFull ? 'full' : 'drain')
    this.#chunks.delete(chunk)
    this.#retries += run.tally.retries
    this.#splits += run.tally.splits
    if (!this.#isOver && this.clock.elapsed() - this.#lastReport >= reported) this.#report()
  }

  #report(): void {
    const { onProgress } = this.#listing
    this.#lastReport = this.clock.elapsed()
    if (onProgress === undefined && !progressed.hasSubscribers) return
    const { progress } = this
    if (progressed.hasSubscribers) progressed.publish(progress)
    try {
      onProgress?.(progress)
    } catch (error) {
      this.#end(error)
    }
  }

  #end(why: unknown): void {
    if (this.#isOver) return
    this.#endedAt = this.#cursor
    this.#ending = { error: why }
    for (const { items } of this.#chunks) for (const item of items) item.leave(why)
    // Whoever does not hear of it is not waited for.
    this.#close()
  }

  #close(): void {
    if (this.#isOver) return
    this.#ending ??= this.#pull?.failure
    this.#isOver = true
    this.#duration = this.clock.elapsed() - this.#began
    this.#pull?.end()
    this.#report()
    this.#over.resolve()
    this.#wakeReader?.()
    for (const wake of this.#waitingForReader.splice(0)) wake()
  }

  #conclude(): Summary<I, O> {
    if (this.#ending !== undefined) throw this.#ending.error
    return { ...this.progress, failures: this.#failures }
  }
}
