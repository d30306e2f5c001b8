/** A circuit that a process opened by itself, and until when, in milliseconds since 1970. */
export interface Vote {
  readonly name: string
  /** Empty where the rule has none. */
  readonly key: string
  readonly until: number
}

/** All that a process says at one time. It takes the place of what it said before. */
export interface Ballot {
  /** Those it has circuits of: it is a voter for each, and is told of each. */
  readonly names: readonly string[]
  readonly open: readonly Vote[]
  /** Until when it counts as alive if it says nothing more, in milliseconds since 1970. */
  readonly until: number
}

/** How one name stands among all processes. */
export interface Tally {
  readonly name: string
  /** Live processes that have a circuit of this name. */
  readonly voters: number
  /** What stands open, one for each process and key, those that last longest first. At most 10,000. */
  readonly open: readonly Omit<Vote, 'name'>[]
}

/** Where processes tell each other which circuits they have opened. Nobody waits for it to decide on a request. */
export interface Votes {
  start?(): Promise<void>
  /** Lets go of everything; what was said stands for as long as it said. */
  stop?(): Promise<void>
  /**
   * Says it, and is told how the ballot's names stand then.
   *
   * @returns a tally for each name, in their order
   * @throws when there was no answer, within a deadline of its own; it may or may not have been heard
   */
  cast(ballot: Ballot): Promise<readonly Tally[]>
}

/** The most votes for one name that anybody is told of. */
export const mostVotes = 10_000
