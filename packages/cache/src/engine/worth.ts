/** How many of the last outcomes count: then all are halved. */
const most = 64
/** Of fewer outcomes nothing is concluded. */
const least = 16
/** How long it is left alone when it does not pay, in milliseconds. Then it is tried again, from nothing. */
export const pause: number = 300_000

/** Whether guessing pays: the share of guesses that were right, of late. */
export class Worth {
  readonly #wanted: number
  #right = 0
  #wrong = 0
  #pausedUntil = Number.NEGATIVE_INFINITY

  /** @param wanted the least share of guesses that have to be right */
  constructor(wanted: number) {
    this.#wanted = wanted
  }

  /** Undefined before the first outcome. */
  get precision(): number | undefined {
    const all = this.#right + this.#wrong
    return all === 0 ? undefined : this.#right / all
  }

  pays(now: number): boolean {
    return now >= this.#pausedUntil
  }

  /** @returns whether it has just turned out not to pay */
  learn(isRight: boolean, now: number): boolean {
    if (isRight) this.#right++
    else this.#wrong++
    const all = this.#right + this.#wrong
    if (this.pays(now) && all >= least && this.#right < this.#wanted * all) {
      this.#right = 0
      this.#wrong = 0
      this.#pausedUntil = now + pause
      return true
    }
    if (all >= most) {
      this.#right /= 2
      this.#wrong /= 2
    }
    return false
  }
}
