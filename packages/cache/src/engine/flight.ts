/** One run for all who want the same. What invalidates its key while it is under way fences it. */
export class Flight<T> {
  readonly key: string
  /** What is invalidated later than this may not be kept. */
  readonly startedAt: number
  /** What it brings is not kept. */
  fenced = false
  /** When its key was last invalidated or set by somebody else: only what is newer holds. */
  fencedAt = 0
  /** Neither may what was known before be a fallback. */
  deleted = false
  /** Whether it goes on when nobody waits any more. */
  background = false
  readonly #flights: Flights<T>
  readonly #promise: Promise<T>
  readonly #resolve: (value: T) => void
  readonly #reject: (reason: unknown) => void
  #waiters = 0
  #settled = false
  #controller: AbortController | undefined

  constructor(flights: Flights<T>, key: string, startedAt: number) {
    this.#flights = flights
    this.key = key
    this.startedAt = startedAt
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#promise = promise
    this.#resolve = resolve
    this.#reject = reject
    // Nobody may wait for it.
    promise.catch(() => {})
  }

  /** Aborts when nobody waits any more, or when it takes too long. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  get settled(): boolean {
    return this.#settled
  }

  /** @param signal ends the waiting of this one alone */
  join(signal?: AbortSignal): Promise<T> {
    this.#waiters++
    if (signal === undefined) return this.#promise
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason)
        this.#leave(signal.reason)
      }
      if (signal.aborted) {
        leave()
        return
      }
      signal.addEventListener('abort', leave, { once: true })
      void this.#promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
    })
  }

  /** What the waiters get. The run may go on. */
  answer(value: T): void {
    this.#settled = true
    this.#resolve(value)
  }

  fail(error: unknown): void {
    this.#settled = true
    this.#reject(error)
  }

  abort(reason: unknown): void {
    this.fenced = true
    this.#flights.end(this)
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
    this.fail(reason)
  }

  #leave(reason: unknown): void {
    this.#waiters--
    if (this.#waiters === 0 && !this.#settled && !this.background) this.abort(reason)
  }
}

/** The flights under way, one for each key at most. */
export class Flights<T> {
  readonly #flying = new Map<string, Flight<T>>()

  get size(): number {
    return this.#flying.size
  }

  get(key: string): Flight<T> | undefined {
    return this.#flying.get(key)
  }

  start(key: string, startedAt: number): Flight<T> {
    const flight = new Flight(this, key, startedAt)
    this.#flying.set(key, flight)
    return flight
  }

  /** Later callers start another one. */
  end(flight: Flight<T>): void {
    if (this.#flying.get(flight.key) === flight) this.#flying.delete(flight.key)
  }

  /** What was begun before `at` is not kept, and nobody joins it any more. */
  fence(key: string, at: number, deleted: boolean): void {
    const flight = this.#flying.get(key)
    if (flight === undefined || flight.startedAt > at) return
    flight.fenced = true
    flight.fencedAt = at
    flight.deleted ||= deleted
    this.#flying.delete(key)
  }
}
