import type { Clock, Exchange } from '@millrace/core'
import { type Answer, ownAnswer, read } from './answer.ts'
import { inherited } from './fields.ts'
import type { Step } from './plan.ts'
import type { Limits } from './rule.ts'

/** What a request of a batch carries: by it other plugins know what made it. */
export interface BatchCause {
  readonly by: 'batchEndpoint'
  readonly id: string
}

/** Where the requests of a batch go, and whose they are. */
export type Sender = Pick<Exchange, 'inject' | 'headers' | 'done'>

/**
 * Sends the requests of a batch, so many at a time, each once those that it depends on have been answered well.
 */
export class Conduct {
  readonly answers: (Answer | undefined)[]
  readonly #sender: Sender
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #ready: Step[]
  readonly #controller = new AbortController()
  readonly #fields: Readonly<Record<string, string>>
  readonly #done = Promise.withResolvers<void>()
  readonly #told: (answer: Answer) => void
  readonly #running = new Set<Step>()
  #left: number
  /** Why nothing begins any more. */
  #ending: 'late' | 'gone' | undefined

  /** @param told is given each answer when it is there */
  constructor(
    sender: Sender,
    steps: readonly Step[],
    limits: Limits,
    clock: Clock,
    told: (answer: Answer) => void,
  ) {
    this.#sender = sender
    this.#limits = limits
    this.#clock = clock
    this.#told = told
    this.#fields = inherited(sender.headers)
    this.#ready = steps.filter(({ waits }) => waits === 0)
    this.#left = steps.length
    this.answers = new Array(steps.length)
  }

  /** Resolves when every request has its answer; or, when the client is gone, as soon as nothing runs. */
  async run(): Promise<void> {
    if (this.#left === 0) return
    const timer = this.#clock.after(this.#limits.timeout, () => this.#end('late'))
    void this.#sender.done.then(({ aborted }) => {
      if (aborted) this.#end('gone')
    })
    this.#pump()
    await this.#done.promise
    timer.cancel()
  }

  /** Nobody reads the answers any more. */
  leave(): void {
    this.#end('gone')
  }

  /** What the app does not hear of ends all the same. */
  #end(why: 'late' | 'gone'): void {
    if (this.#ending !== undefined || this.#left === 0) return
    this.#ending = why
    this.#controller.abort(
      new Error(why === 'late' ? 'the time for the batch is over' : 'the client is gone'),
    )
    for (const step of this.#running) this.#settle(step, ownAnswer(step.request.id, 504, 'it took too long'))
    this.#pump()
  }

  #pump(): void {
    for (let step = this.#next(); step !== undefined; step = this.#next()) {
      if (this.#ending === undefined) void this.#send(step)
      else this.#settle(step, ownAnswer(step.request.id, 503, 'the time for the batch is over'))
    }
  }

  #next(): Step | undefined {
    if (this.#ending === undefined && this.#running.size >= this.#limits.concurrency) return undefined
    return this.#ready.shift()
  }

  async #send(step: Step): Promise<void> {
    this.#running.add(step)
    const answer = await this.#ask(step)
    this.#running.delete(step)
    if (this.#ending !== undefined) return
    this.#settle(step, answer)
    this.#pump()
  }

  /** Never rejects. */
  async #ask({ request: { id, method, url, headers, body } }: Step): Promise<Answer> {
    const cause: BatchCause = { by: 'batchEndpoint', id }
    const { signal } = this.#controller
    const own = { ...this.#fields, ...headers }
    try {
      const answered = await this.#sender.inject({
        method,
        url,
        headers: own,
        cause,
        signal,
        ...(body && { body }),
      })
      const answer = await read(id, answered, this.#limits.answer)
      return answer ?? ownAnswer(id, 502, `the answer has more than ${this.#limits.answer} bytes`)
    } catch {
      return ownAnswer(id, 502, 'the request was not answered')
    }
  }

  /** It, and where it was not answered well, all that depend on it. */
  #settle(first: Step, its: Answer): void {
    const settled: (readonly [Step, Answer])[] = [[first, its]]
    for (const [{ index, request, next }, answer] of settled) {
      if (this.answers[index] !== undefined) continue
      this.answers[index] = answer
      this.#left--
      this.#told(answer)
      for (const step of next) {
        if (answer.status >= 400) {
          const detail = `"${request.id}", which it depends on, was answered with ${answer.status}`
          settled.push([step, ownAnswer(step.request.id, 424, detail)])
        } else if (--step.waits === 0) this.#ready.push(step)
      }
    }
    if (this.#left === 0) this.#done.resolve()
  }
}
