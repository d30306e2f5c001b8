import type { Clock } from '@millrace/core'
import { prefetched } from '../events.ts'
import type { LoadContext } from './context.ts'
import { Followers, type Named } from './followers.ts'
import type { Key } from './key.ts'
import { Worth } from './worth.ts'

/** What is loaded before anybody asks for it. */
export interface PrefetchOptions {
  /** Brings the value of a key that came after the one that was just read, often enough. */
  readonly load: (key: Key, context: LoadContext<unknown>) => unknown
  /** Loads ahead for each read, at most, on the average. Default 0.1. */
  readonly budget?: number
  /**
   * The share (0 to 1) of loads ahead that must be read before they are over, or a minute has passed. A key is loaded when
   * it followed so often, and nothing is for five minutes when fewer were read. Default 0.5.
   */
  readonly precision?: number
  /** How many keys are remembered, with up to eight that follow each. Default 5000. */
  readonly maxKeys?: number
}

/** What an operator sees of it. */
export interface PrefetchInspection {
  readonly loads: number
  readonly used: number
  readonly wasted: number
  readonly failed: number
  /** Of late: 0 to 1; undefined before anything is known. */
  readonly precision: number | undefined
  /** It did not pay, and is tried again later. */
  readonly isPaused: boolean
  readonly keys: number
}

/** Brings a key to where `has` finds it; resolves with the time until which it is fresh, rejects when that fails. */
export type Bring<K> = (key: K) => Promise<number>

/** How many loads ahead are under way at a time. */
const mostAtOnce = 4
/** A budget that was not used is saved up to so many loads. */
const mostSaved = 8
/** How many values may wait to be read. */
const mostWaiting = 256
/** What is not read by then was not worth it, however long it is fresh. */
const longestWait = 60_000

/** Learns which key follows which, and loads ahead as long as that pays. */
export class Prefetch<K> {
  readonly #clock: Clock
  readonly #has: (read: Named<K>) => boolean
  readonly #label: { readonly cache: string; readonly namespace: string }
  readonly #budget: number
  readonly #least: number
  readonly #followers: Followers<K>
  readonly #worth: Worth
  /** What has been loaded and not read, and until when it counts. */
  readonly #waiting = new Map<string, number>()
  #saved = 0
  #underway = 0
  #loads = 0
  #used = 0
  #wasted = 0
  #failed = 0

  /**
   * @param has whether memory has a key, or is about to
   * @throws RangeError when an option is unknown or out of its range
   */
  constructor(
    options: Omit<PrefetchOptions, 'load'>,
    clock: Clock,
    has: (read: Named<K>) => boolean,
    label: { readonly cache: string; readonly namespace: string },
  ) {
    const { budget = 0.1, precision = 0.5, maxKeys = 5000, ...unknown } = options
    for (const name of Object.keys(unknown)) throw new RangeError(`prefetch.${name}: no such option`)
    if (!(budget > 0 && budget <= 1))
      throw new RangeError(`prefetch.budget: expected a share up to 1, got ${budget}`)
    if (!(precision > 0 && precision <= 1))
      throw new RangeError(`prefetch.precision: expected a share up to 1, got ${precision}`)
    if (!(Number.isInteger(maxKeys) && maxKeys > 0))
      throw new RangeError(`prefetch.maxKeys: expected a positive whole number, got ${maxKeys}`)
    this.#clock = clock
    this.#has = has
    this.#label = label
    this.#budget = budget
    this.#least = precision
    this.#followers = new Followers(maxKeys)
    this.#worth = new Worth(precision)
  }

  /** Somebody reads a key: told before the answer is looked for. @param bring for what is likely to follow */
  read(read: Named<K>, bring: Bring<K>): void {
    this.#answer(read)
    this.#followers.note(read)
    this.#saved = Math.min(mostSaved, this.#saved + this.#budget)
    if (this.#saved < 1 || this.#underway >= mostAtOnce) return
    if (!this.#worth.pays(this.#clock.now())) return
    for (const follower of this.#followers.after(read.name, this.#least)) {
      if (this.#saved < 1 || this.#underway >= mostAtOnce) break
      if (!this.#waiting.has(follower.name) && !this.#has(follower)) void this.#ahead(follower, bring)
    }
  }

  inspect(): PrefetchInspection {
    return {
      loads: this.#loads,
      used: this.#used,
      wasted: this.#wasted,
      failed: this.#failed,
      precision: this.#worth.precision,
      isPaused: !this.#worth.pays(this.#clock.now()),
      keys: this.#followers.size,
    }
  }

  async #ahead({ key, name }: Named<K>, bring: Bring<K>): Promise<void> {
    this.#sweep()
    this.#saved--
    this.#underway++
    this.#loads++
    this.#waiting.set(name, Number.POSITIVE_INFINITY)
    this.#tell('loading', name)
    try {
      const freshUntil = await bring(key)
      if (this.#waiting.has(name))
        this.#waiting.set(name, Math.min(freshUntil, this.#clock.now() + longestWait))
    } catch {
      // Whoever asks for it hears the error of a load of their own.
      this.#failed++
      if (this.#waiting.delete(name)) this.#learn(false, 'failed', name)
    } finally {
      this.#underway--
    }
  }

  /** A guess comes true, when what it brought is still there. */
  #answer(read: Named<K>): void {
    const { name } = read
    const until = this.#waiting.get(name)
    if (until === undefined) return
    this.#waiting.delete(name)
    if (this.#clock.now() < until && this.#has(read)) {
      this.#used++
      this.#learn(true, 'used', name)
    } else this.#waste(name)
  }

  #sweep(): void {
    const now = this.#clock.now()
    let excess = this.#waiting.size + 1 - mostWaiting
    for (const [name, until] of this.#waiting) {
      if (now < until && excess <= 0) continue
      this.#waiting.delete(name)
      this.#waste(name)
      excess--
    }
  }

  #waste(name: string): void {
    this.#wasted++
    this.#learn(false, 'wasted', name)
  }

  #learn(isRight: boolean, outcome: 'used' | 'wasted' | 'failed', name: string): void {
    const hasStopped = this.#worth.learn(isRight, this.#clock.now())
    this.#tell(outcome, name)
    if (hasStopped) this.#tell('paused')
  }

  #tell(outcome: 'loading' | 'used' | 'wasted' | 'failed' | 'paused', key?: string): void {
    if (prefetched.hasSubscribers) {
      prefetched.publish({ ...this.#label, outcome, ...(key !== undefined && { key }) })
    }
  }
}

/** One for the keys under a prefix, which operators see. */
export const learnerOf = <K>(
  {
    name,
    clock,
    prefetches,
  }: { readonly name: string; readonly clock: Clock; readonly prefetches: Prefetches },
  prefix: string,
  has: (read: Named<K>) => boolean,
  options: Omit<PrefetchOptions, 'load'> = {},
): Prefetch<K> => {
  const prefetch = new Prefetch<K>(options, clock, has, { cache: name, namespace: prefix })
  prefetches.add(prefix, prefetch)
  return prefetch
}

/** As many show what they do. */
const mostShown = 100

/** Those of a cache, by the prefix of their namespace. */
export class Prefetches {
  readonly #all = new Map<string, { inspect(): PrefetchInspection }>()

  add(prefix: string, prefetch: { inspect(): PrefetchInspection }): void {
    this.#all.set(prefix, prefetch)
    for (const oldest of this.#all.keys()) {
      if (this.#all.size <= mostShown) break
      this.#all.delete(oldest)
    }
  }

  inspect(): Readonly<Record<string, PrefetchInspection>> {
    return Object.fromEntries([...this.#all].map(([prefix, prefetch]) => [prefix, prefetch.inspect()]))
  }
}
