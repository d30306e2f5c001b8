import type { Clock, Timer } from '@millrace/core'

/** Something that could not be done, and when what it tells of happened. */
interface Debt {
  readonly at: number
  /** @returns whether it has been done, or is not worth doing any more */
  readonly pay: () => Promise<boolean>
}

const pause = 2000

/** What could not be written or told: the last for each name, tried again until it has been done. */
export class Recovery {
  readonly #debts = new Map<string, Debt>()
  readonly #clock: Clock
  readonly #limit: number
  #timer: Timer | undefined
  #dropped = 0

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

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(): void {
    this.#timer ??= this.#clock.after(pause, () => void this.#payAll())
  }

  async #payAll(): Promise<void> {
    for (const [name, debt] of [...this.#debts]) {
      if (this.#debts.get(name) !== debt) continue
      const done = await debt.pay()
      if (done && this.#debts.get(name) === debt) this.#debts.delete(name)
    }
    this.#timer = undefined
    if (this.#debts.size > 0) this.#arm()
  }
}
