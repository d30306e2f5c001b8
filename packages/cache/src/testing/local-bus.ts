import { type Clock, systemClock } from '@millrace/core'
import type { Backplane, Lock, Locker, Notice } from '../tier.ts'

/** A member's ears. */
export interface Listener {
  readonly owner: object
  hear(notice: Notice): void
  gap(): void
}

/** A lock that somebody has. */
export interface Held {
  readonly token: number
  readonly until: number
  readonly wake: Set<() => void>
}

/** What several caches in one process meet on, in tests: what a Redis is to several processes. */
export class LocalBus {
  readonly clock: Clock
  readonly listeners: Set<Listener> = new Set()
  readonly locks: Map<string, Held> = new Map()
  tokens = 0
  #cut = false

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  /** From now on notices cannot be sent, and whoever asks for a lock gets an error. */
  cut(): void {
    this.#cut = true
  }

  /** Works again; everybody is told that something may have been missed. */
  heal(): void {
    this.#cut = false
    for (const { gap } of [...this.listeners]) gap()
  }

  /** @throws Error while it is cut */
  check(): void {
    if (this.#cut) throw new Error('The bus is cut, as it was told to be')
  }
}

/** One member's backplane. Members of one bus hear of each other, in order and at once. */
export const localBackplane = (bus: LocalBus): Backplane => {
  const owner = {}
  return {
    publish: async (notices) => {
      bus.check()
      for (const listener of [...bus.listeners]) {
        if (listener.owner !== owner) for (const notice of notices) listener.hear(notice)
      }
    },
    subscribe: async (hear, gap) => {
      const listener: Listener = { owner, hear, gap }
      bus.listeners.add(listener)
      return async () => {
        bus.listeners.delete(listener)
      }
    },
  }
}

/** One member's locker, by the bus's clock. */
export const localLocker = (bus: LocalBus): Locker => {
  const { clock, locks } = bus
  const holderOf = (key: string): Held | undefined => {
    const held = locks.get(key)
    return held !== undefined && held.until > clock.elapsed() ? held : undefined
  }
  const acquire = async (key: string, ttl: number): Promise<Lock | undefined> => {
    bus.check()
    if (holderOf(key) !== undefined) return undefined
    const mine: Held = { token: ++bus.tokens, until: clock.elapsed() + ttl, wake: new Set() }
    locks.set(key, mine)
    return {
      token: mine.token,
      release: async () => {
        if (locks.get(key) !== mine) return
        locks.delete(key)
        for (const wake of mine.wake) wake()
      },
    }
  }
  const released = async (key: string, timeout: number): Promise<void> => {
    const held = holderOf(key)
    if (held === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = clock.after(Math.min(timeout, held.until - clock.elapsed()), resolve)
    held.wake.add(resolve)
    await promise
    timer.cancel()
    held.wake.delete(resolve)
  }
  return { acquire, released }
}
