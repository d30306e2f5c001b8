import type { Clock, Timer } from '@millrace/core'
import { voted } from './events.ts'
import { messageOf } from './message.ts'
import { agreed, type Quorum } from './quorum.ts'
import type { Ballot, Votes } from './votes.ts'

/** A circuit that this process opened by itself, and for how many milliseconds more. */
export interface OwnTrip {
  readonly name: string
  readonly key: string
  readonly left: number
}

/** The circuits of a process that share their trips, as the council sees them. */
export interface Constituency {
  names(): readonly string[]
  /** Not those that the others or an operator have opened: what was heard must not be said again. */
  ownTrips(): Iterable<OwnTrip>
  /**
   * All that the others agree on now about a name.
   *
   * @param open for how many milliseconds more, by key. A circuit that was outvoted and is not in it any more may try
   */
  outvote(name: string, open: ReadonlyMap<string, number>): void
}

export interface CouncilOptions {
  /** Milliseconds between two ballots. */
  readonly interval: number
  readonly quorum: Quorum
}

/** How many ballots a process may miss until it is taken for dead. */
const patience = 3

/** The most trips that one ballot tells of. */
const mostTrips = 100

/**
 * Tells the other processes what has tripped here, and the circuits here what enough of the others say. While nobody can be
 * reached each process decides alone.
 */
export class Council {
  readonly #votes: Votes
  readonly #clock: Clock
  readonly #options: CouncilOptions
  readonly #circuits: Constituency
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  /** Something is to be told that the ballot on its way does not tell. */
  #isDue = false
  /** When the last ballot was answered, by `clock.elapsed()`. */
  #castAt = Number.NEGATIVE_INFINITY
  #isOpen = false
  #voters = new Map<string, number>()
  #reachable: boolean | undefined
  #lastError: string | undefined

  constructor(votes: Votes, clock: Clock, circuits: Constituency, options: CouncilOptions) {
    this.#votes = votes
    this.#clock = clock
    this.#circuits = circuits
    this.#options = options
  }

  /** Undefined until the first ballot has been answered, or not. */
  get reachable(): boolean | undefined {
    return this.#reachable
  }

  /** Does not wait for anybody. */
  start(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#votes.start?.().catch((error: unknown) => this.#failed(error))
    this.tell()
  }

  /** Takes back what this process has said. */
  async stop(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#timer?.cancel()
    await this.#running
    const last: Ballot = { names: [], open: [], until: this.#clock.now() }
    await this.#votes.cast(last).catch(ignore)
    await this.#votes.stop?.()
  }

  /**
   * Something has tripped, or is closed again: the others hear of it now, or a tenth of an interval after the last ballot, so
   * that many circuits do not make many ballots.
   */
  tell(): void {
    if (!this.#isOpen) return
    if (this.#running === undefined) this.#castIn(this.#castAt + this.#options.interval / 10)
    else this.#isDue = true
  }

  inspect(): object {
    return {
      reachable: this.#reachable ?? false,
      voters: Object.fromEntries(this.#voters),
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
    }
  }

  /** @param at by `clock.elapsed()` */
  #castIn(at: number): void {
    const wait = at - this.#clock.elapsed()
    const begin = (): void => {
      this.#running = this.#round()
    }
    this.#timer?.cancel()
    if (wait <= 0) begin()
    else this.#timer = this.#clock.after(wait, begin)
  }

  async #round(): Promise<void> {
    const { interval } = this.#options
    this.#isDue = false
    await this.#cast()
    this.#castAt = this.#clock.elapsed()
    this.#running = undefined
    if (this.#isOpen) this.#castIn(this.#castAt + (this.#isDue ? interval / 10 : interval))
  }

  async #cast(): Promise<void> {
    const { interval, quorum } = this.#options
    const now = this.#clock.now()
    const open: Ballot['open'][number][] = []
    for (const { name, key, left } of this.#circuits.ownTrips()) {
      if (open.push({ name, key, until: now + left }) === mostTrips) break
    }
    try {
      const names = this.#circuits.names()
      const tallies = await this.#votes.cast({ names, open, until: now + patience * interval })
      if (!this.#isOpen) return
      this.#reached(true)
      this.#voters = new Map(tallies.map(({ name, voters }) => [name, voters]))
      const then = this.#clock.now()
      for (const tally of tallies) {
        const left = new Map<string, number>()
        for (const [key, until] of agreed(tally, quorum, then)) left.set(key, until - then)
        this.#circuits.outvote(tally.name, left)
      }
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    this.#lastError = messageOf(error)
    this.#reached(false, error)
  }

  #reached(reachable: boolean, error?: unknown): void {
    if (this.#reachable === reachable) return
    this.#reachable = reachable
    if (voted.hasSubscribers) voted.publish({ reachable, ...(error !== undefined && { error }) })
  }
}

const ignore = (): void => undefined
