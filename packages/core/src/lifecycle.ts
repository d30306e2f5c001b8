import type { Clock } from './clock.ts'
import type { Inject } from './exchange.ts'
import type { AnyPlugin } from './plugin.ts'
import { within } from './within.ts'

const patience = 10_000

/** Starts plugins in order and stops them in the reverse order, one after the other, and never both at once. */
export class Lifecycle {
  readonly #plugins: readonly AnyPlugin[]
  readonly #clock: Clock
  readonly #inject: Inject
  #running: AnyPlugin[] = []
  #started: Promise<void> | undefined
  #stopped: Promise<void> = Promise.resolve()

  /** @param plugins the outermost first */
  constructor(plugins: Iterable<AnyPlugin>, clock: Clock, inject: Inject) {
    this.#plugins = [...plugins]
    this.#clock = clock
    this.#inject = inject
  }

  /** Whether it was told to start, and not to stop since. */
  get started(): boolean {
    return this.#started !== undefined
  }

  /** Rejects with the first error, what had started stopped again. A call while it is running changes nothing. */
  start(): Promise<void> {
    this.#started ??= this.#stopped.catch(() => undefined).then(() => this.#startAll())
    return this.#started
  }

  /** Rejects with every error together. */
  stop(): Promise<void> {
    const starting = this.#started
    if (starting !== undefined) {
      this.#started = undefined
      this.#stopped = starting.catch(() => undefined).then(() => this.#stopAll())
    }
    return this.#stopped
  }

  async #startAll(): Promise<void> {
    try {
      for (const plugin of this.#plugins) {
        await plugin.start?.(this.#inject)
        this.#running.push(plugin)
      }
    } catch (error) {
      // Why it did not start says more than what else went wrong on the way back.
      await this.#stopAll().catch(() => undefined)
      throw error
    }
  }

  async #stopAll(): Promise<void> {
    const running = this.#running
    this.#running = []
    const errors: unknown[] = []
    for (const plugin of running.toReversed()) {
      try {
        const stopping = plugin.stop?.() ?? Promise.resolve()
        await within(this.#clock, patience, stopping, `plugin "${plugin.name}" did not stop within 10s`)
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not every plugin stopped')
  }
}
