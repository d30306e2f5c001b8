import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import type { Cache } from '@millrace/cache'

/** What was done to a key. Times are of `performance.now()`. */
interface Deed {
  readonly value: string | undefined
  readonly began: number
  readonly ended: number
  /** A load that was overtaken is not kept. */
  readonly sure: boolean
}

/** Who is cut off cannot give its lock back: the others wait for it for this long, twice at most. */
const lock = '200ms'

/** Clocks tell milliseconds: which of two deeds was the later one is sure when they are further apart. */
const apart = 5
const keysOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name} ${index}`)
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] ?? assert.fail()

const keys = {
  set: { harmed: keysOf('set in the fault', 6), always: keysOf('set', 6) },
  tagged: keysOf('tagged', 4),
  loaded: { harmed: keysOf('loaded in the fault', 6), always: keysOf('loaded', 6) },
}

export const trafficKeys: readonly string[] = [
  ...keys.set.harmed,
  ...keys.set.always,
  ...keys.tagged,
  ...keys.loaded.harmed,
  ...keys.loaded.always,
]

/** Uses some caches, each of them as a process does, without pause; measures what calls wait, and remembers what was done. */
export class Traffic {
  /** Whether the keys that are to be written only before and during a fault still are. */
  harmed = true
  readonly failures: unknown[] = []
  /** How often each of those that call has come round. */
  readonly turns: number[] = []
  readonly #caches: readonly Cache[]
  readonly #deeds = new Map<string, Deed[]>()
  readonly #waits: number[] = []
  readonly #lag = monitorEventLoopDelay({ resolution: 5 })
  #running = true
  #last = 0
  readonly #work: Promise<unknown>

  constructor(caches: readonly Cache[]) {
    this.#caches = caches
    this.#lag.enable()
    this.#work = Promise.all(
      caches
        .flatMap((cache) => [() => this.#read(cache), () => this.#load(cache), () => this.#write(cache)])
        .map((turn, worker) => this.#repeat(turn, worker)),
    )
  }

  /** How many calls there were. */
  get calls(): number {
    return this.#waits.length
  }

  async #timed<T>(call: () => Promise<T>): Promise<T | undefined> {
    const began = performance.now()
    try {
      return await call()
    } catch (error) {
      this.failures.push(error)
      return undefined
    } finally {
      this.#waits.push(performance.now() - began)
    }
  }

  async #repeat(turn: () => Promise<void>, worker: number): Promise<void> {
    for (let turns = 0; this.#running; turns++) {
      this.turns[worker] = turns
      await turn()
      await wait(2)
    }
  }

  async #read(cache: Cache): Promise<void> {
    await this.#timed(() => cache.get(pick(trafficKeys)))
    await this.#timed(() => cache.getMany([pick(trafficKeys), pick(trafficKeys)]))
  }

  async #load(cache: Cache): Promise<void> {
    const key = pick([...keys.loaded.harmed, ...keys.loaded.always])
    const load = (): string => {
      const value = `${key} ${++this.#last}`
      const now = performance.now()
      this.#note([key], { value, began: now, ended: now, sure: false })
      return value
    }
    await this.#timed(() => cache.getOrSet(key, load, Math.random() < 0.3 ? { lock } : {}))
  }

  async #write(cache: Cache): Promise<void> {
    const chance = Math.random()
    if (chance < 0.4) await this.#do(pick(this.#choice(keys.set)), (key, value) => cache.set(key, value))
    else if (chance < 0.5) await this.#do(pick(this.#choice(keys.set)), (key) => cache.delete(key), true)
    else if (chance < 0.7) await this.#do(pick(this.#choice(keys.loaded)), (key) => cache.delete(key), true)
    else if (!this.harmed) return
    else if (chance < 0.95)
      await this.#do(pick(keys.tagged), (key, value) => cache.set(key, value, { tags: ['t'] }))
    else await this.#done(keys.tagged, undefined, () => cache.deleteTag('t'))
  }

  #choice({ harmed, always }: { harmed: readonly string[]; always: readonly string[] }): readonly string[] {
    return this.harmed && Math.random() < 0.5 ? harmed : always
  }

  async #do(key: string, call: (key: string, value: string) => Promise<void>, gone = false): Promise<void> {
    const value = `${key} ${++this.#last}`
    await this.#done([key], gone ? undefined : value, () => call(key, value))
  }

  async #done(keys: readonly string[], value: string | undefined, call: () => Promise<void>): Promise<void> {
    const began = performance.now()
    await this.#timed(call)
    this.#note(keys, { value, began, ended: performance.now(), sure: true })
  }

  #note(keys: readonly string[], deed: Deed): void {
    for (const key of keys) {
      const deeds = this.#deeds.get(key) ?? []
      const later = deeds.filter(({ ended }) => !deed.sure || ended + apart > deed.began)
      this.#deeds.set(key, [...later, deed])
    }
  }

  /** Ends when every call has settled. Waits are in milliseconds. */
  async stop(): Promise<{ readonly most: number; readonly longest: number; readonly lag: number }> {
    this.#running = false
    await this.#work
    this.#lag.disable()
    const waits = this.#waits.toSorted((a, b) => a - b)
    return {
      /** Of 95 calls in 100. */
      most: waits[Math.floor(waits.length * 0.95)] ?? 0,
      longest: waits.at(-1) ?? 0,
      /** What the machine has kept from this process at most, at once: that is not the cache's. */
      lag: this.#lag.max / 1e6,
    }
  }

  /** What is wrong with what the caches hold; nothing where each of them has the last of what was done, or, where it was lost, nobody has anything. */
  async disagreement(lossy: boolean): Promise<string | undefined> {
    for (const key of trafficKeys) {
      const held = await Promise.all(this.#caches.map((cache) => cache.get<string>(key)))
      const [value] = held
      const deeds = this.#deeds.get(key) ?? []
      const may =
        deeds.some((deed) => deed.value === value) ||
        (value === undefined && (lossy || !deeds.some(({ sure }) => sure)))
      if (!may || held.some((other) => other !== value))
        return `${key}: held ${held}, expected ${deeds.map((deed) => deed.value)}`
    }
    return undefined
  }
}
