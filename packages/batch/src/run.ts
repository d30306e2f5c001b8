import { type Clock, DeadlineError, type Timer, within } from '@millrace/core'
import { BatchResultError } from './errors.ts'
import { dispatched, type ItemSettled, itemSettled, type Why } from './events.ts'
import type { Item, Owner } from './item.ts'
import type { Gathering } from './options.ts'
import { backoff } from './policy.ts'

/** What the function of a batch is given besides the items. */
export interface BatchContext {
  /** Aborts when nobody waits for any of the items any more, and when the run has failed or taken too long. */
  readonly signal: AbortSignal
}

/**
 * Does the work of a batch: one result for each item, in order. An `Error` in a result's place is that item's alone.
 *
 * @typeParam V what each caller gets
 */
export type Many<K, V> = (
  keys: readonly K[],
  context: BatchContext,
) => PromiseLike<readonly (V | Error)[]> | readonly (V | Error)[]

/** What all batches of a batcher have in common. */
export interface Works<K, V> {
  readonly name: string
  readonly many: Many<K, V>
  readonly gathering: Gathering
  readonly clock: Clock
  readonly random: () => number
  /** A run has come back in so many milliseconds, or has taken too long. */
  ran(items: number, duration: number): void
}

/** How a batch went: what was tried, and counts of items. */
export interface Tally {
  retries: number
  splits: number
  errors: number
  misses: number
  abandoned: number
}

/** One batch, from when it goes until everybody in it has been told. */
export class Run<K, V> implements Owner<K, V> {
  readonly items: readonly Item<K, V>[]
  readonly tally: Tally = { retries: 0, splits: 0, errors: 0, misses: 0, abandoned: 0 }
  /** Milliseconds that who came first waited before. */
  readonly wait: number
  readonly #works: Works<K, V>
  readonly #keys: readonly K[]
  readonly #began: number
  #controller: AbortController | undefined
  /** How many items somebody waits for. */
  #waiting: number
  #isHurried = false
  /** Ends a wait between two attempts. */
  #goOn: (() => void) | undefined

  constructor(works: Works<K, V>, items: readonly Item<K, V>[]) {
    this.items = items
    this.#works = works
    this.#keys = keysOf(items)
    this.#began = works.clock.elapsed()
    this.wait = this.#began - (items[0]?.since ?? this.#began)
    this.#waiting = items.length
    for (const item of items) item.owner = this
  }

  /** Milliseconds since the batch went. */
  get duration(): number {
    return this.#works.clock.elapsed() - this.#began
  }

  /** Never rejects. */
  async bring(why: Why): Promise<void> {
    const { name, gathering } = this.#works
    try {
      await this.#bring(this.items, gathering.retry.attempts)
    } catch (error) {
      // A rule threw.
      this.#rejectAll(this.items, error)
    }
    if (!dispatched.hasSubscribers) return
    const { wait, duration, tally } = this
    dispatched.publish({ name, keys: this.#keys, size: this.#keys.length, why, wait, duration, ...tally })
  }

  abandoned(_slot: Item<K, V>, why: unknown): void {
    this.tally.abandoned++
    if (--this.#waiting > 0) return
    this.#controller?.abort(why)
    this.#goOn?.()
  }

  /** What has failed is not tried again. */
  hurry(): void {
    this.#isHurried = true
    this.#goOn?.()
  }

  async #bring(all: readonly Item<K, V>[], retries: number): Promise<void> {
    const { gathering, random } = this.#works
    const { retry, split } = gathering
    for (let attempt = 1; ; attempt++) {
      const items = this.#own(all)
      if (items.length === 0) return
      const failure = await this.#attempt(items)
      if (failure === undefined) return
      const { error } = failure
      const left = this.#own(items)
      if (left.length === 0) return
      const isMistake = error instanceof BatchResultError
      if (!isMistake && attempt <= retries && !this.#isHurried && retry.when(error, attempt)) {
        await this.#pause(backoff(retry, attempt, random()))
        if (!this.#isHurried) {
          this.tally.retries++
          continue
        }
      }
      if (isMistake || left.length === 1 || !split(error)) {
        this.#rejectAll(left, error)
        return
      }
      this.tally.splits++
      const half = left.length >> 1
      await this.#bring(left.slice(0, half), 0)
      await this.#bring(left.slice(half), 0)
      return
    }
  }

  /** @returns what made it fail as a whole; undefined when everybody has been told */
  async #attempt(items: readonly Item<K, V>[]): Promise<{ readonly error: unknown } | undefined> {
    const { name, clock, gathering } = this.#works
    const limit = gathering.batchTimeout
    const began = clock.elapsed()
    const controller = new AbortController()
    this.#controller = controller
    let results: readonly (V | Error)[]
    try {
      const message = `batch "${name}": no results within ${limit} ms`
      results = await within(clock, limit, this.#call(items, controller.signal), message)
    } catch (error) {
      if (error instanceof DeadlineError) this.#works.ran(items.length, clock.elapsed() - began)
      controller.abort(error)
      return { error }
    }
    this.#works.ran(items.length, clock.elapsed() - began)
    let index = 0
    for (const result of results) {
      const item = items[index++]
      if (item?.owner !== this) continue
      if (result instanceof Error) this.#reject(item, result)
      else this.#resolve(item, result)
    }
    return undefined
  }

  /** @throws BatchResultError */
  async #call(items: readonly Item<K, V>[], signal: AbortSignal): Promise<readonly (V | Error)[]> {
    const { name, many } = this.#works
    const keys = items.length === this.items.length ? this.#keys : keysOf(items)
    const results = await many(keys, { signal })
    if (Array.isArray(results) && results.length === items.length) return results
    throw new BatchResultError(
      name,
      items.length,
      Array.isArray(results) ? `${results.length}` : typeof results,
    )
  }

  #resolve(item: Item<K, V>, value: V): void {
    if (value === undefined) this.tally.misses++
    item.resolve(value)
    this.#waiting--
    if (itemSettled.hasSubscribers) this.#tell(item, value === undefined ? 'miss' : 'ok')
  }

  #reject(item: Item<K, V>, error: unknown): void {
    this.tally.errors++
    item.reject(error)
    this.#waiting--
    if (itemSettled.hasSubscribers) this.#tell(item, 'error', error)
  }

  #rejectAll(items: readonly Item<K, V>[], error: unknown): void {
    for (const item of this.#own(items)) this.#reject(item, error)
  }

  #tell({ key, since }: Item<K, V>, outcome: ItemSettled['outcome'], error?: unknown): void {
    const { name } = this.#works
    const wait = this.#began - since
    itemSettled.publish({ name, key, outcome, error, wait, duration: this.duration, keys: this.#keys })
  }

  /** Those that somebody waits for. */
  #own(items: readonly Item<K, V>[]): readonly Item<K, V>[] {
    for (const { owner } of items) if (owner !== this) return items.filter(({ owner }) => owner === this)
    return items
  }

  async #pause(length: number): Promise<void> {
    let timer: Timer | undefined
    await new Promise<void>((resolve) => {
      timer = this.#works.clock.after(length, resolve, true)
      this.#goOn = resolve
    })
    timer?.cancel()
    this.#goOn = undefined
  }
}

const keysOf = <K>(items: readonly { readonly key: K }[]): readonly K[] => {
  const keys: K[] = []
  for (const { key } of items) keys.push(key)
  return keys
}
