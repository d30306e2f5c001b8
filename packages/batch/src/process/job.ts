import { type Clock, DeadlineError, type Exchange } from '@millrace/core'
import type { Progress } from '../list/progress.ts'
import type { Watched, Work } from './operation.ts'

/** What became of one item, for who has sent it. */
export type Told =
  | { readonly index: number; readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly index: number; readonly status: 'rejected'; readonly reason: string }

/** How a job came to its end. */
export type End = 'done' | 'cancelled' | 'late' | 'failed'

/** A list that is being worked on. */
export class Job {
  readonly id: string
  readonly operation: string
  readonly #work: Work
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #timeout: number
  #hasNews = false
  #end: End = 'done'

  constructor(
    id: string,
    operation: string,
    begin: (watched: Watched) => Work,
    clock: Clock,
    timeout: number,
  ) {
    this.id = id
    this.operation = operation
    this.#clock = clock
    this.#timeout = timeout
    const { signal } = this.#controller
    const onProgress = (): void => {
      this.#hasNews = true
    }
    this.#work = begin({ name: operation, clock, signal, onProgress })
  }

  /** Whether it is time to tell of its progress again: ten times a second at most. */
  hasNews(): boolean {
    const had = this.#hasNews
    this.#hasNews = false
    return had
  }

  get progress(): Progress {
    return this.#work.progress
  }

  get end(): End {
    return this.#end
  }

  cancel(): void {
    this.#stop('cancelled')
  }

  /** Each outcome when it is there, until the end or until it is cancelled, late, or its client has gone. Never throws. */
  async *outcomes({ done }: Exchange): AsyncGenerator<Told> {
    const timer = this.#clock.after(this.#timeout, () => this.#stop('late'))
    void done.then(({ aborted }) => {
      if (aborted) this.cancel()
    })
    try {
      for await (const outcome of this.#work) yield toldOf(outcome)
    } catch {
      if (this.#end === 'done') this.#end = 'failed'
    } finally {
      timer.cancel()
    }
  }

  #stop(end: End): void {
    if (this.#controller.signal.aborted || this.progress.isOver) return
    this.#end = end
    this.#controller.abort(new Error(`the work is ${end}`))
  }
}

const toldOf = (outcome: PromiseSettledResult<unknown> & { readonly index: number }): Told => {
  const { index, status } = outcome
  if (status === 'fulfilled') return { index, status, value: outcome.value }
  return { index, status, reason: reasonOf(outcome.reason) }
}

/** What an error says is for those who run the app, unless it says otherwise (as those of `http-errors` do). */
const reasonOf = (error: unknown): string => {
  if (error instanceof DeadlineError) return 'took too long'
  return error instanceof Error && 'expose' in error && error.expose === true ? error.message : 'failed'
}
