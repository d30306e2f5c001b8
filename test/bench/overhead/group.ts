import type { Server } from 'node:http'

/** One server in a comparison. */
export interface Contender {
  readonly label: string
  /** Run in the process that serves. The server is not listening yet. */
  readonly server: () => Server | Promise<Server>
  /** What a second request must be answered with, before anything is timed. */
  readonly answer: Answer
}

export interface Answer {
  readonly status: number
  readonly body: string
  /** Fields that must be there, by lower-case name. */
  readonly fields: Readonly<Record<string, RegExp>>
}

/** What one contender has to reach in comparison with another. */
export interface Bar {
  readonly contender: string
  readonly over: string
  /** The least ratio of requests per second. */
  readonly atLeast: number
}

/** Contenders that are compared with each other, in interleaved rounds. */
export interface Group {
  readonly title: string
  readonly path: string
  /** The contender whose ratio is 1. */
  readonly base: string
  readonly contenders: Readonly<Record<string, Contender>>
  readonly bars: readonly Bar[]
}
