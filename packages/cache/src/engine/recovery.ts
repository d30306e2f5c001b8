import { type Clock, type Timer, within } from '@millrace/core'

/** Something that could not be done, and when what it tells of happened. */
interface Debt {
  readonly at: number
  /** @returns whether it has been done, or is not worth doing any more */
  readonly pay: () => Promise<boolean>
}

const pause = 2000
/** What could be done in part can be done: a tier that is tried again takes one call at first. */
const soon = 50
/** As many at once as a tier takes in one call: one after the other, ten thousand would take seconds. */
const atOnce = 64

/** What could not be written or told: the last for each name, tried again until it has been done. */
export class Recovery {
  readonly #debts = new Map<string, Debt>()
  readonly #clock: Clock
  readonly #limit: number
  #timer: Timer | undefined
  #dropped = 0
  #stopped = false
  #stops = 0

  constructor(clock: Clock, limit: number) {
    this.#clock = clock
    this.#limit = limit
  }

  get size(): number {
    return this.#debts.size
  }

  /** How many had to be forgotten, as there were too many. */
  get dropped(): number {
    return this.#dropped
  }

  /** When what is still owed under this name happened. */
  owed(name: string): number | undefined {
    return this.#debts.size === 0 ? undefined : this.#debts.get(name)?.at
  }

  add(name: string, at: number, pay: () => Promise<boolean>): void {
    const known = this.#debts.get(name)
    if (known !== undefined && known.at > at) return
    this.#debts.delete(name)
    this.#debts.set(name, { at, pay })
    for (const oldest of this.#debts.keys()) {
      if (this.#debts.size <= this.#limit) break
      this.#debts.delete(oldest)
      this.#dropped++
    }
    this.#arm()
  }

  /** What is owed under this name is not worth doing: something later has been done. */
  settle(name: string, at: number): void {
    const known = this.#debts.get(name)
    if (known !== undefined && known.at <= at) this.#debts.delete(name)
  }

  start(): void {
    this.#stopped = false
    if (this.#debts.size > 0) this.#arm()
  }

  /** Tries once more, for `limit` milliseconds at most; what is owed then waits for {@link start}. */
  async stop(limit: number): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
    await within(this.#clock, limit, this.#payAll(), 'recovery took too long').catch(() => {})
    this.#stops++
  }

  #arm(delay = pause): void {
    if (this.#stopped) return
    this.#timer ??= this.#clock.after(delay, () => void this.#payAll())
  }

  async #payAll(): Promise<void> {
    const stops = this.#stops
    const all = [...this.#debts]
    let paid = false
    for (let from = 0; from < all.length; from += atOnce) {
      if (stops !== this.#stops) return
      const part = all.slice(from, from + atOnce)
      const done = await Promise.all(part.map(([name, debt]) => this.#pay(name, debt)))
      paid ||= done.includes(true)
    }
    this.#timer = undefined
    if (this.#debts.size > 0) this.#arm(paid ? soon : pause)
  }

  async #pay(name: string, debt: Debt): Promise<boolean> {
    if (this.#debts.get(name) !== debt) return false
    const done = await debt.pay()
    if (done && this.#debts.get(name) === debt) this.#debts.delete(name)
    return done
  }
}
