import { EventEmitter } from 'node:events'
import type { HostResponse } from './host.ts'

/** One who writes to a response at the pace of what is further out. */
interface Writer {
  /** How far in it stands: 1 is the outermost. */
  readonly depth: number
  readonly wake: () => void
}

/** Those between the client and the handler who wait for a `drain` of their own. */
interface Drains {
  /** The outermost first. */
  readonly writers: Writer[]
  /** Who is saying `drain` at this moment; 0 is Node. */
  from: number
}

const drains: unique symbol = Symbol('millrace.drains')

declare module './host.ts' {
  interface HostResponse {
    [drains]?: Drains
  }
}

/**
 * Says that what stands at `depth` takes more. There is one `drain` event for all: if everybody heard it, each would go
 * on when another has room, and the handler get ahead of a slow client without end.
 */
export const drain = (res: HostResponse, depth: number): void =>
  process.nextTick(() => {
    const known = res[drains]
    if (known) known.from = depth
    res.emit('drain')
    if (known) known.from = 0
  })

/**
 * Hears when what is next further out takes more, in the place of who is further in.
 *
 * @param on what the response listened with when the writer took its place: other middleware's, if that has events of
 *   its own between two of ours
 * @returns what ends it
 */
export const onDrain = (
  res: HostResponse,
  depth: number,
  on: HostResponse['on'],
  wake: () => void,
): (() => void) => {
  const known = res[drains] ?? intercept(res)
  if (on !== EventEmitter.prototype.on) {
    const hear = (): void => {
      if (known.from < depth) wake()
    }
    Reflect.apply(on, res, ['drain', hear])
    return () => void res.off('drain', hear)
  }
  const { writers } = known
  const writer: Writer = { depth, wake }
  writers.push(writer)
  writers.sort((a, b) => a.depth - b.depth)
  return () => void writers.splice(writers.indexOf(writer), 1)
}

const intercept = (res: HostResponse): Drains => {
  const known: Drains = { writers: [], from: 0 }
  const { emit } = res
  const addressed = (event: string | symbol, ...args: unknown[]): boolean => {
    const next = event === 'drain' ? known.writers.find(({ depth }) => depth > known.from) : undefined
    if (!next) return Reflect.apply(emit, res, [event, ...args])
    next.wake()
    return true
  }
  res[drains] = known
  res.emit = addressed
  return known
}
