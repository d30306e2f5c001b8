import { Ghosts, none } from './ghosts.ts'
import type { Order } from './order.ts'
import { Queue, type Resident } from './resident.ts'
import { mostUses, Sketch } from './sketch.ts'

/** Shares of the capacity: where the window starts and what it may come to. */
const leastWindow = 0.01
const mostWindow = 0.99
/** The share of the main part that is kept for those who were used again in it. */
const protectedShare = 0.8
/** How much is remembered of what the window lost, and of what the main part lost. */
const ghostShare = 0.5
/** How far back a ghost says that a slightly larger part would have had it. */
const nearShare = 0.2
/** By how many times its size a ghost moves the border if it has only just left; the further back, the less. */
const pull = 2.5
/** In a drought, which is a miss for each resident with fewer hits than this share of the requests, there is nothing to lose. */
const droughtShare = 0.03
/** All counts are halved after so many requests for each resident. */
const requestsPerAge = 20
/** The margin is kept in steps, so that it takes this many regrets to move it by one use. */
const steps = 20
const firstMargin = 0.5 * steps
const leastMargin = -1 * steps
const mostMargin = 3.5 * steps

/**
 * W-TinyLFU (Einziger, Eytan, Friedman and Manes 2018): newcomers pass through a window; who leaves it gets into the
 * main part only if it was used more often than the one that would have to go. Two things are learnt, from misses
 * alone, so that a hit does no more than move a link:
 *
 * - The share of the window. A miss of what the window lost a short while ago says that a larger window would have had
 *   it, a miss of what the main part lost says the same of that one; each moves the border, the more the
 *   shorter ago. It rests where both gain equally, which is the best share if what each gains falls off with its size (Cliffhanger,
 *   Cidon et al. 2016).
 * - By how much more often. When a loser is asked for again while the winner is still kept and was not used since, that
 *   decision was wrong; it moves the margin against its kind. So a tie goes to the resident in a loop, which nothing
 *   else survives, and to the newcomer where the residents are out of date.
 *
 * How often a resident was used is counted in itself; the sketch has the counts of those who left.
 */
export class Adaptive<V> implements Order<V> {
  readonly #capacity: number
  readonly #window = new Queue<V>()
  readonly #probation = new Queue<V>()
  readonly #protected = new Queue<V>()
  readonly #windowGhosts: Ghosts<V>
  readonly #mainGhosts: Ghosts<V>
  readonly #sketch = new Sketch()
  #windowShare: number
  #margin = firstMargin
  #count = 0
  /** Requests, for which came first. */
  #clock = 0
  #age = 0
  #requestsOfAge = 0
  /** Misses since the last look for a drought, and the time of it. */
  #misses = 0
  #lookedAt = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#windowShare = Math.max(1, capacity * leastWindow)
    this.#windowGhosts = new Ghosts(capacity * ghostShare)
    this.#mainGhosts = new Ghosts(capacity * ghostShare)
  }

  get metadataBytes(): number {
    return this.#sketch.metadataBytes + this.#windowGhosts.metadataBytes + this.#mainGhosts.metadataBytes
  }

  meet(newcomer: Resident<V>): void {
    this.#clock++
    this.#count++
    this.#sketch.fit(this.#count)
    this.#passTime()
    newcomer.age = this.#age
    newcomer.uses = Math.min(mostUses, this.#sketch.estimate(newcomer.hash) + 1)
    this.#learn(newcomer)
    this.#watchForDrought()
    this.#window.push(newcomer)
  }

  enter(): void {
    // There is room, so what the window has too much of need not compare with anyone.
    while (this.#window.cost > this.#windowShare) {
      const oldest = this.#window.shift()
      if (oldest === undefined) return
      this.#probation.push(oldest)
    }
  }

  next(): Resident<V> | undefined {
    const victim = this.#probation.first ?? this.#protected.first
    const candidate = this.#window.first
    if (victim === undefined) return this.#lose(candidate, this.#windowGhosts)
    if (candidate === undefined || this.#window.cost <= this.#windowShare) {
      return this.#lose(victim, this.#mainGhosts)
    }
    const isBetter = (this.#usesOf(candidate) - this.#usesOf(victim)) * steps > this.#margin
    return isBetter
      ? this.#lose(victim, this.#mainGhosts, candidate)
      : this.#lose(candidate, this.#windowGhosts, victim)
  }

  use(resident: Resident<V>): void {
    const { queue } = resident
    resident.at = ++this.#clock
    this.#passTime()
    if (resident.age !== this.#age) resident.uses = this.#usesOf(resident)
    if (resident.uses < mostUses) resident.uses++
    if (queue !== this.#probation) {
      queue?.renew(resident)
      return
    }
    queue.remove(resident)
    this.#protected.push(resident)
    const most = (this.#capacity - this.#windowShare) * protectedShare
    while (this.#protected.cost > most) {
      const oldest = this.#protected.shift()
      if (oldest === undefined) return
      this.#probation.push(oldest)
    }
  }

  renew(resident: Resident<V>): void {
    this.use(resident)
  }

  remove(resident: Resident<V>): void {
    resident.queue?.remove(resident)
    this.#sketch.raise(resident.hash, this.#usesOf(resident))
    this.#count--
  }

  inspect(): Readonly<Record<string, unknown>> {
    return {
      window: this.#windowShare / this.#capacity,
      margin: this.#margin / steps,
      ghosts: this.#windowGhosts.count + this.#mainGhosts.count,
    }
  }

  #learn({ hash, cost }: Resident<V>): void {
    for (const ghosts of [this.#windowGhosts, this.#mainGhosts]) {
      const place = ghosts.find(hash)
      if (place === none) continue
      const sign = ghosts === this.#windowGhosts ? 1 : -1
      const nearness = 1 - ghosts.depth(place) / (this.#capacity * nearShare)
      if (nearness > 0) {
        const share = this.#windowShare + sign * cost * nearness * pull
        this.#windowShare = between(
          Math.max(1, this.#capacity * leastWindow),
          share,
          this.#capacity * mostWindow,
        )
      }
      const rival = ghosts.rival(place)
      if (rival?.queue !== undefined && rival.at < ghosts.time(place)) {
        this.#margin = between(leastMargin, this.#margin - sign, mostMargin)
      }
      ghosts.forget(hash)
      return
    }
  }

  /** A loop that is longer than a wide window has no hits, and too far ones among the ghosts to find out of it. */
  #watchForDrought(): void {
    if (++this.#misses < Math.max(16, this.#count)) return
    const requests = this.#clock - this.#lookedAt
    if (requests - this.#misses < requests * droughtShare) {
      this.#windowShare = Math.max(1, this.#capacity * leastWindow)
    }
    this.#misses = 0
    this.#lookedAt = this.#clock
  }

  #lose(loser: Resident<V> | undefined, ghosts: Ghosts<V>, winner?: Resident<V>): Resident<V> | undefined {
    if (loser === undefined) return undefined
    this.remove(loser)
    ghosts.add(loser.hash, loser.cost, 2 * this.#count + 64, winner, this.#clock)
    return loser
  }

  /** Counts in the age in which it is now, and brings the resident there. */
  #usesOf(resident: Resident<V>): number {
    if (resident.age !== this.#age) {
      resident.uses >>= Math.min(31, this.#age - resident.age)
      resident.age = this.#age
    }
    return resident.uses
  }

  #passTime(): void {
    if (++this.#requestsOfAge < requestsPerAge * Math.max(16, this.#count) && !this.#sketch.isFull) return
    this.#requestsOfAge >>= 1
    this.#age++
    this.#sketch.halve()
  }
}

const between = (least: number, value: number, most: number): number => Math.max(least, Math.min(value, most))
