/** One run for all who want the same. What invalidates its key while it is under way fences it. */
export class Flight<T> {
  readonly key: string
  /** What is invalidated later than this may not be kept. */
  readonly startedAt: number
  /** The doubts (see `Trust`) that there were when it began. */
  doubts = 0
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
    // Nobody may wait for it.
    this.#promise.catch(() => {})
    this.#reject(error)
  }

  /**
   * What was begun before `at` is not kept.
   *
   * @returns whether it was
   */
  fence(at: number, deleted: boolean): boolean {
    // Also what began later may have looked before that was written.
    this.fencedAt = Math.max(this.fencedAt, at)
    if (this.startedAt > at) return false
    this.fenced = true
    this.deleted ||= deleted
    return true
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

class Seat<T> {
  flight: Flight<T> | undefined

  constructor(flight: Flight<T>) {
    this.flight = flight
  }
}

/** The flights under way, one for each key at most. */
export class Flights<T> {
  /** V8 keeps what a map held before it last grew until a major collection: a seat that is empty by then, and no value. */
  readonly #seats = new Map<string, Seat<T>>()
  /** Those that nobody joins any more, though they go on: what invalidates their keys is for them, too. */
  readonly #left = new Set<Flight<T>>()

  get size(): number {
    return this.#seats.size + this.#left.size
  }

  keys(): Iterable<string> {
    return [...this.#seats.keys(), ...Array.from(this.#left, ({ key }) => key)]
  }

  get(key: string): Flight<T> | undefined {
    return this.#seats.get(key)?.flight
  }

  start(key: string, startedAt: number): Flight<T> {
    const flight = new Flight(this, key, startedAt)
    this.#empty(key)
    this.#seats.set(key, new Seat(flight))
    return flight
  }

  /** Later callers start another one. */
  end(flight: Flight<T>): void {
    this.#left.delete(flight)
    if (this.get(flight.key) === flight) this.#empty(flight.key)
  }

  /** The same while this one goes on: it takes too long to be waited for. What it brings may be kept. */
  leave(flight: Flight<T>): void {
    if (this.get(flight.key) !== flight) return
    this.#empty(flight.key)
    this.#left.add(flight)
  }

  /** What was begun before `at` is not kept, and nobody joins it any more. */
  fence(key: string, at: number, deleted: boolean): void {
    for (const flight of this.#left) if (flight.key === key) flight.fence(at, deleted)
    if (this.get(key)?.fence(at, deleted)) this.#empty(key)
  }

  #empty(key: string): void {
    const seat = this.#seats.get(key)
    if (seat === undefined) return
    seat.flight = undefined
    this.#seats.delete(key)
  }
}
