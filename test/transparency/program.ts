import type { Ask } from './client.ts'

/** Something that has to be made anew for each run: a callback, a stream, an error. */
export type Made =
  | { readonly make: 'callback'; readonly name: string }
  | { readonly make: 'bytes'; readonly text: string; readonly as: 'buffer' | 'uint8array' | 'dataview' }
  | { readonly make: 'filled'; readonly size: number; readonly as: 'string' | 'buffer' }
  | {
      readonly make: 'stream'
      readonly chunks: readonly string[]
      readonly pace: Pace
      readonly fails?: boolean
    }
  | { readonly make: 'webstream'; readonly chunks: readonly string[] }
  | { readonly make: 'blob'; readonly text: string; readonly type?: string }
  | { readonly make: 'response'; readonly text: string; readonly status: number }
  | { readonly make: 'error'; readonly message: string; readonly status?: number }
  | { readonly make: 'file'; readonly name: string }
  | { readonly make: 'headers'; readonly fields: Readonly<Record<string, string>> }
  | { readonly make: 'formatters' }
  | { readonly make: 'symbol' }

/** `sync`: each chunk follows when the client has what went before; `together`: all at once. */
export type Pace = 'sync' | 'together'

export type Value =
  | undefined
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | { readonly [key: string]: Value }
  | Made

export type Target = 'res' | 'req' | 'socket' | 'stream' | 'ctx' | 'response'

/** One step of a handler. */
export type Op =
  /** An error is caught and logged, unless `loose`. */
  | {
      readonly op: 'call'
      readonly on: Target
      readonly method: string
      readonly args: readonly Value[]
      readonly loose?: boolean
    }
  | {
      readonly op: 'set'
      readonly on: Target
      readonly name: string
      readonly value: Value
      readonly loose?: boolean
    }
  | { readonly op: 'get'; readonly on: Target; readonly name: string }
  /** `client`: until the client has all that it is going to get so far. */
  | {
      readonly op: 'wait'
      readonly for: 'microtask' | 'tick' | 'immediate' | 'client' | 'request' | 'drain' | 'close'
    }
  | {
      readonly op: 'pipe'
      readonly how: 'pipe' | 'pipeline'
      readonly chunks: readonly string[]
      readonly pace: Pace
      readonly end?: boolean
      readonly fails?: boolean
    }
  | { readonly op: 'until'; readonly promise: Promise<unknown> }
  /** The request's body is the answer's. */
  | { readonly op: 'echo' }
  /** The client goes. */
  | { readonly op: 'leave' }
  | { readonly op: 'fail'; readonly how: 'throw' | 'reject' | 'next'; readonly error: Value }
  /** Express and Koa: on to what is mounted behind. */
  | { readonly op: 'next'; readonly with?: 'route' | 'router' }

/** A handler, and what it is asked. */
export interface Program {
  readonly ask: Ask
  readonly ops: readonly Op[]
  /** Whether the handler listens to the response's `error` event, which otherwise ends the process. */
  readonly listens?: boolean
  /** Whether another framing makes another answer of it: lengths that lie, and bugs of Node's around them. */
  readonly framed?: boolean
}

export const call = (method: string, ...args: readonly Value[]): Op => ({
  op: 'call',
  on: 'res',
  method,
  args,
})
export const set = (name: string, value: Value): Op => ({ op: 'set', on: 'res', name, value })
export const wait = (event: Extract<Op, { op: 'wait' }>['for']): Op => ({ op: 'wait', for: event })
export const callback = (name: string): Made => ({ make: 'callback', name })
export const bytes = (text: string): Made => ({ make: 'bytes', text, as: 'buffer' })

export const ask = (change: Partial<Ask> = {}): Ask => ({
  method: 'GET',
  path: '/at',
  version: '1.1',
  fields: [],
  ...change,
})
