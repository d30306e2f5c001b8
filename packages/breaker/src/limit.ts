/**
 * Ends one piece of work before it ends by itself: its deadline has come, another attempt was faster, nobody waits any
 * more. It costs next to nothing until somebody asks for a signal.
 */
export class Limit {
  #aborted = false
  #reason: unknown
  #listeners: Set<(reason: unknown) => void> | undefined
  #controller: AbortController | undefined

  get aborted(): boolean {
    return this.#aborted
  }

  /** What the work was ended with; undefined as long as it was not. */
  get reason(): unknown {
    return this.#reason
  }

  /** Does nothing the second time. */
  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    const listeners = this.#listeners
    this.#listeners = undefined
    this.#controller?.abort(reason)
    if (listeners) for (const listener of listeners) listener(reason)
  }

  /**
   * Calls `listener` once, at once where it is aborted already.
   *
   * @returns what ends the listening
   */
  watch(listener: (reason: unknown) => void): () => void {
    if (this.#aborted) {
      listener(this.#reason)
      return nothing
    }
    this.#listeners ??= new Set()
    this.#listeners.add(listener)
    return () => void this.#listeners?.delete(listener)
  }

  /** Made when first asked for; aborts with the limit. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }
}

const nothing = (): void => undefined
