import { type Reply, ready } from '@millrace/core'

/** The reply that layers wait for; known without waiting when the handler has answered before it returned. */
export class Expected {
  #known: Promise<Reply> | undefined
  #waiting: PromiseWithResolvers<Reply> | undefined

  /** The first word counts. */
  resolve(reply: Reply): void {
    if (this.#waiting) this.#waiting.resolve(reply)
    else this.#known ??= ready(reply)
  }

  reject(error: unknown): void {
    if (this.#waiting) this.#waiting.reject(error)
    else this.#known ??= Promise.reject(error)
  }

  /** Nothing comes any more, and there may be nobody who waits. */
  giveUp(error: Error): void {
    this.reject(error)
    this.promise.catch(ignore)
  }

  get promise(): Promise<Reply> {
    if (this.#known !== undefined) return this.#known
    this.#waiting ??= Promise.withResolvers()
    return this.#waiting.promise
  }
}

const ignore = (): void => undefined
