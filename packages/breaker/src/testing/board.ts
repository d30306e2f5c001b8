import type { Clock } from '@millrace/core'
import { type Ballot, mostVotes, type Tally, type Votes } from '../votes.ts'

/** What processes say, in one place of one process. */
export class Board {
  readonly #clock: Clock
  readonly #ballots = new Map<object, Ballot>()
  #isCut = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Another process. */
  join(): Votes {
    const voter = {}
    return { cast: async (ballot) => this.#cast(voter, ballot) }
  }

  /** From now on nobody is heard, until `heal`. */
  cut(): void {
    this.#isCut = true
  }

  heal(): void {
    this.#isCut = false
  }

  /** Forgets all that was said. */
  wipe(): void {
    this.#ballots.clear()
  }

  #cast(voter: object, ballot: Ballot): readonly Tally[] {
    if (this.#isCut) throw new Error('the board cannot be reached')
    this.#ballots.set(voter, ballot)
    const now = this.#clock.now()
    const live = [...this.#ballots.values()].filter(({ until }) => until > now)
    return ballot.names.map((name) => ({
      name,
      voters: live.filter(({ names }) => names.includes(name)).length,
      open: live
        .flatMap(({ open }) => open.filter((vote) => vote.name === name && vote.until > now))
        .map(({ key, until }) => ({ key, until }))
        .sort((a, b) => b.until - a.until)
        .slice(0, mostVotes),
    }))
  }
}
