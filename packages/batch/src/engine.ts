import { AsyncLocalStorage } from 'node:async_hooks'
import { type Clock, DeadlineError, type Timer } from '@millrace/core'
import { BatchFullError, BatchStoppedError } from './errors.ts'
import { type Refused, refused, type Why } from './events.ts'
import { Group, type Hall } from './group.ts'
import { Item, type Moment } from './item.ts'
import { Line } from './line.ts'
import { Memo } from './memo.ts'
import type { Gathering } from './options.ts'
import { AdaptiveSize } from './policy.ts'
import { type Many, Run, type Works } from './run.ts'
import type { Inspected, Stats } from './stats.ts'
import { Soon, Window } from './window.ts'

export interface EngineParts<K, V> {
  readonly name: string
  readonly many: Many<K, V>
  readonly gathering: Gathering
  readonly clock: Clock
  readonly random: () => number
  /** What keys are the same by, if not by themselves. */
  readonly key: ((key: K) => unknown) | undefined
  /** What goes together; everything where it is undefined. */
  readonly groupBy: ((key: K) => unknown) | undefined
  /** Results that are remembered at most; 0 for none. */
  readonly memo: number
  /** Where it counts. */
  readonly stats: Stats
}

/** Gathers loads into batches, and runs these. */
export class Engine<K, V> implements Hall<K, V>, Works<K, V> {
  readonly name: string
  readonly stats: Stats
  readonly many: Many<K, V>
  readonly gathering: Gathering
  readonly clock: Clock
  readonly random: () => number
  readonly memo: Memo<K, V> | undefined
  readonly #idOf: ((key: K) => unknown) | undefined
  readonly #groupOf: ((key: K) => unknown) | undefined
  readonly #window: Window
  readonly #adaptive: AdaptiveSize | undefined
  /** Batches run in the context that this was made in, not in that of whoever happened to come first. */
  readonly #inOwnContext = AsyncLocalStorage.snapshot()
  readonly #groups = new Map<unknown, Group<K, V>>()
  /** The only one where all go together: to be found without a search. */
  #only: Group<K, V> | undefined
  /** Those of them that need not wait any longer, the first first. */
  readonly #ready = new Set<Group<K, V>>()
  readonly #runs = new Set<Run<K, V>>()
  readonly #line = new Line<K, V>()
  readonly #idle = new Set<() => void>()
  #queued = 0
  #hasPriorities = false
  #isStopped = false
  #isDraining = false
  #soon: Soon | undefined
  #opened: Moment | undefined
  #alarm: Timer | undefined
  #rings = Number.POSITIVE_INFINITY

  constructor(parts: EngineParts<K, V>) {
    const { max, window } = parts.gathering
    this.name = parts.name
    this.stats = parts.stats
    this.many = parts.many
    this.gathering = parts.gathering
    this.clock = parts.clock
    this.random = parts.random
    this.memo = parts.memo === 0 ? undefined : new Memo(parts.memo)
    this.#idOf = parts.key
    this.#groupOf = parts.groupBy
    this.#window = new Window(window, parts.clock)
    this.#adaptive = typeof max === 'object' ? new AdaptiveSize(max) : undefined
  }

  /** @param timeout milliseconds */
  load(key: K, signal: AbortSignal | undefined, timeout: number, priority: number): Promise<V> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#isStopped) return Promise.reject(this.#refuse(key, 'stopped'))
    return new Promise((resolve, reject) => {
      this.#place(new Item<K, V>(key, priority, this.#now, timeout, signal, resolve, reject), false)
    })
  }

  /** What keys are the same by. */
  idOf(key: K): unknown {
    return this.#idOf === undefined ? key : this.#idOf(key)
  }

  /** Everything that was accepted goes at once, and what fails is not tried again. Who stands outside is told so. */
  drain(): Promise<void> {
    this.#isDraining = true
    for (let each = this.#line.next(); each !== undefined; each = this.#line.next())
      each.reject(this.#refuse(each.key, 'stopped'))
    for (const group of this.#groups.values()) {
      group.window?.cancel()
      this.#close(group)
    }
    for (const run of this.#runs) run.hurry()
    return this.idle()
  }

  /** Whether there is nothing to do. */
  get isIdle(): boolean {
    return this.#queued === 0 && this.#runs.size === 0 && this.#line.count === 0
  }

  /** When there is nothing left to do. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.add(resolve)
      this.#rest()
    })
  }

  stop(): Promise<void> {
    this.#isStopped = true
    return this.drain()
  }

  inspect(): Inspected {
    const { length } = this.#window
    return this.stats.inspect({
      waiting: this.#queued + this.#line.count,
      running: this.#runs.size,
      max: this.#max,
      window: length,
    })
  }

  vacated(group: Group<K, V>): void {
    this.#queued--
    this.stats.abandoned++
    if (group.count === 0) this.#dissolve(group)
    this.#admit()
    this.#rest()
  }

  ran(items: number, duration: number): void {
    this.#adaptive?.record(items, duration)
  }

  get #max(): number {
    const { max } = this.gathering
    return this.#adaptive?.size ?? (typeof max === 'number' ? max : max.max)
  }

  /** Once for each turn where a batch waits for no longer than that: to look at a clock is much of what a load costs. */
  get #now(): Moment {
    return this.#opened ?? { at: this.clock.elapsed() }
  }

  /** @param isAdmitted whether it has waited for room, and there is some */
  #place(item: Item<K, V>, isAdmitted: boolean): void {
    try {
      const { key } = item
      if (item.priority !== 0) this.#hasPriorities = true
      if (this.#idOf !== undefined) item.id = this.#idOf(key)
      const groupId = this.#groupOf?.(key)
      let group = this.#groupOf === undefined ? this.#only : this.#groups.get(groupId)
      const same = group?.find(item.id) ?? this.memo?.find(item.id)
      if (same !== undefined) {
        same.take(item)
        if (same.owner === group) group?.raise(same, item.priority)
      } else if (isAdmitted || (this.#queued < this.gathering.queue && this.#line.count === 0)) {
        if (group === undefined) {
          group = new Group(groupId, this)
          this.#groups.set(groupId, group)
          if (this.#groupOf === undefined) this.#only = group
        }
        group.add(item)
        this.memo?.add(item)
        this.#queued++
        this.#gather(group, item.came)
      } else if (this.gathering.full === 'wait') this.#line.add(item)
      else item.reject(this.#refuse(key, 'full'))
      if (item.isWaiting) this.#watch(item.until)
    } catch (error) {
      // What tells keys or groups apart threw.
      item.reject(error)
    }
  }

  /** What has come into a group may have filled it, or be the first. */
  #gather(group: Group<K, V>, now: Moment): void {
    if (group.isDue) return
    if (group.window === undefined) {
      group.window = this.#window.open(() => this.#close(group))
      if (this.#window.isShort) this.#opened = now
    }
    if (this.#window.isShort || group.count < this.#max) return
    this.#ready.add(group)
    this.#soon ??= new Soon('tick', () => this.#pump())
  }

  #close(group: Group<K, V>): void {
    this.#opened = undefined
    group.window = undefined
    group.isDue = true
    this.#ready.add(group)
    this.#pump()
  }

  #pump(): void {
    this.#inOwnContext(() => this.#dispatch())
  }

  #dispatch(): void {
    this.#soon = undefined
    while (this.#runs.size < this.gathering.concurrency) {
      const group = this.#next()
      if (group === undefined) break
      const max = this.#max
      const why: Why = this.#isDraining ? 'drain' : group.count >= max ? 'full' : 'window'
      const items = group.take(max)
      this.#queued -= items.length
      // The others have their turn before it has another.
      this.#ready.delete(group)
      if (group.count === 0) this.#dissolve(group)
      else this.#ready.add(group)
      void this.#run(items, why)
      this.#admit()
    }
  }

  /** The group whose turn it is. */
  #next(): Group<K, V> | undefined {
    let best: Group<K, V> | undefined
    for (const group of this.#ready) {
      // The size may have grown since it was full.
      if (!group.isDue && group.count < this.#max) this.#ready.delete(group)
      else if (!this.#hasPriorities) return group
      else if (best === undefined || group.priority > best.priority) best = group
    }
    return best
  }

  async #run(items: readonly Item<K, V>[], why: Why): Promise<void> {
    const run = new Run(this, items)
    this.#runs.add(run)
    if (this.#isDraining) run.hurry()
    await run.bring(why)
    this.#runs.delete(run)
    this.stats.add(items.length, run.tally)
    this.#window.record(run.wait + run.duration, why === 'full')
    this.#pump()
    this.#rest()
  }

  #dissolve(group: Group<K, V>): void {
    if (group.window !== undefined) {
      group.window.cancel()
      this.#opened = undefined
    }
    this.#ready.delete(group)
    this.#groups.delete(group.id)
    this.#only = undefined
  }

  /** Those who stand outside, as far as there is room. */
  #admit(): void {
    while (this.#queued < this.gathering.queue) {
      const outside = this.#line.next()
      if (outside === undefined) return
      this.#place(outside, true)
    }
  }

  #refuse(key: K, why: Refused['why']): Error {
    this.stats.refused++
    if (refused.hasSubscribers) refused.publish({ name: this.name, key, why })
    return why === 'full'
      ? new BatchFullError(this.name, this.gathering.queue)
      : new BatchStoppedError(this.name)
  }

  /** One timer for everybody's time: one for each would be much of what a load costs. */
  #watch(until: number): void {
    if (until >= this.#rings) return
    this.#alarm?.cancel()
    this.#rings = until
    this.#alarm = this.clock.after(Math.max(0, until - this.clock.elapsed()), this.#ring)
  }

  readonly #ring = (): void => {
    const now = this.clock.elapsed()
    this.#rings = Number.POSITIVE_INFINITY
    const late = (): Error => new DeadlineError(`batch "${this.name}": no result in time`)
    let next = this.#line.expire(now, late)
    for (const group of this.#groups.values()) next = Math.min(next, group.expire(now, late))
    for (const run of this.#runs) for (const item of run.items) next = Math.min(next, item.expire(now, late))
    this.#watch(next)
  }

  #rest(): void {
    if (!this.isIdle) return
    this.#alarm?.cancel()
    this.#rings = Number.POSITIVE_INFINITY
    this.#isDraining = false
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }
}
