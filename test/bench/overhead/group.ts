import type { Server } from 'node:http'

/** Something else that serves, in processes of its own: a cache in front of Node. */
export interface Front {
  readonly port: number
  /** Whose processor time counts, with that of their children. */
  readonly pids: readonly number[]
}

/** One server in a comparison. */
export interface Contender {
  readonly label: string
  /** A program without which it cannot run; it is left out where that is not installed. */
  readonly needs?: string
  /** Run in the process that serves. The server is not listening yet. */
  readonly server: () => Server | Front | Promise<Server | Front>
  /** What requests say, if it is not what the group's do. */
  readonly headers?: RequestFields
  /** How many addresses below the path are asked for, all equally often; each has been asked for before. Default one, the path. */
  readonly keys?: number
  /** What a second request must be answered with, before anything is timed. */
  readonly answer: Answer
}

export type RequestFields = Readonly<Record<string, string>>

export interface Answer {
  readonly status: number
  /** Without its content coding. */
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
  /** What requests say. */
  readonly headers?: RequestFields
  /** How many clients ask at a time. Default 64. */
  readonly connections?: number
  /** The contender whose ratio is 1. */
  readonly base: string
  readonly contenders: Readonly<Record<string, Contender>>
  readonly bars: readonly Bar[]
}

export type Groups = Readonly<Record<string, Group>>
