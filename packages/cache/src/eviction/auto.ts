import { Adaptive } from './adaptive.ts'
import { Arc } from './arc.ts'
import { Recency } from './fifo.ts'
import type { Hash } from './hash.ts'
import { Keep } from './keep.ts'
import { Lfu } from './lfu.ts'
import type { Order } from './order.ts'
import type { Resident } from './resident.ts'
import { S3Fifo } from './s3fifo.ts'

const candidates = ['adaptive', 'lru', 'lfu', 'arc', 's3fifo'] as const
type Candidate = (typeof candidates)[number]

const orderOf = <V>(candidate: Candidate, capacity: number): Order<V> => {
  switch (candidate) {
    case 'adaptive':
      return new Adaptive(capacity)
    case 'lru':
      return new Recency()
    case 'lfu':
      return new Lfu()
    case 'arc':
      return new Arc(capacity)
    case 's3fifo':
      return new S3Fifo(capacity)
  }
}

/** A ghost cache that has more entries than this is thinned out. */
const mostGhosts = 256
/** Every second key at most, so that most uses cost no more than without ghost caches. */
const leastBits = 1
/** How many sampled requests are compared at a time, for each entry of a ghost cache. */
const requestsEach = 4
const leastRequests = 256
/** How much of the score is that of earlier rounds. */
const decay = 0.5
/** How many more hits of a hundred it takes to be better, and for how many rounds. */
const margin = 0.02
const rounds = 2
/** How many residents go over to a new order with each request. */
const movesEach = 8

interface Ghost {
  readonly candidate: Candidate
  readonly keep: Keep<true>
  hits: number
  /** The hit rate, newer rounds counting more. */
  score: number | undefined
}

/**
 * The policy that does best, as measured by ghost caches: for a sample of the keys (by hash, as in SHARDS) each
 * candidate keeps what it would keep, without values, within bounds as much smaller as the sample is. When another
 * candidate than the one in use has been better for some rounds, the residents go over to it, a few with each request.
 */
export class Auto<V> implements Order<V> {
  readonly #bounds: readonly [number, number]
  readonly #capacity: number
  readonly #hash: Hash
  #bits = leastBits
  #ghosts: readonly Ghost[]
  #requests = 0
  #leader: Candidate = 'adaptive'
  #led = 0
  #live: Candidate = 'adaptive'
  #order: Order<V>
  /** Where the residents come from who have not gone over yet. */
  #former: Order<V> | undefined = undefined
  #generation = 0
  #changes = 0

  constructor(bounds: readonly [number, number], capacity: number, hash: Hash) {
    this.#bounds = bounds
    this.#capacity = capacity
    this.#hash = hash
    this.#order = orderOf(this.#live, capacity)
    while (bounds[0] !== Number.POSITIVE_INFINITY && bounds[0] / 2 ** this.#bits > mostGhosts) this.#bits++
    this.#ghosts = this.#ghostCaches()
  }

  get metadataBytes(): number {
    const ghosts = this.#ghosts.map(({ keep }) => keep.inspect().metadataBytes + keep.count * 300)
    return this.#order.metadataBytes + ghosts.reduce((sum, bytes) => sum + bytes, 0)
  }

  meet(newcomer: Resident<V>): void {
    this.#sample(newcomer)
    newcomer.order = this.#generation
    this.#order.meet(newcomer)
  }

  enter(newcomer: Resident<V>): void {
    this.#order.enter(newcomer)
    this.#move()
  }

  next(newcomer?: Resident<V>): Resident<V> | undefined {
    return this.#former?.next() ?? this.#order.next(newcomer)
  }

  use(resident: Resident<V>): void {
    this.#sample(resident)
    this.#of(resident).use(resident)
    this.#move()
  }

  renew(resident: Resident<V>): void {
    this.#of(resident).renew(resident)
  }

  remove(resident: Resident<V>): void {
    this.#of(resident).remove(resident)
  }

  inspect(): Readonly<Record<string, unknown>> {
    return {
      live: this.#live,
      changes: this.#changes,
      sampled: 1 / 2 ** this.#bits,
      scores: Object.fromEntries(this.#ghosts.map(({ candidate, score }) => [candidate, score])),
      ...this.#order.inspect?.(),
    }
  }

  #of(resident: Resident<V>): Order<V> {
    return this.#former !== undefined && resident.order !== this.#generation ? this.#former : this.#order
  }

  #ghostCaches(): readonly Ghost[] {
    const part = (bound: number) => Math.max(1, Math.floor(bound / 2 ** this.#bits))
    const bounds = [part(this.#bounds[0]), part(this.#bounds[1])] as const
    const capacity = part(this.#capacity)
    return candidates.map((candidate) => ({
      candidate,
      keep: new Keep<true>(candidate, bounds, () => orderOf(candidate, capacity), this.#hash),
      hits: 0,
      score: undefined,
    }))
  }

  #sample({ hash, key, weight }: Resident<V>): void {
    if (hash >>> (32 - this.#bits) !== 0) return
    let most = 0
    for (const ghost of this.#ghosts) {
      if (ghost.keep.get(key) === true) ghost.hits++
      else ghost.keep.set(key, true, weight)
      if (ghost.keep.count > most) most = ghost.keep.count
    }
    this.#requests++
    if (most > mostGhosts * 2) this.#thin()
    else if (this.#requests >= Math.max(leastRequests, most * requestsEach)) this.#compare()
  }

  /** The entries are smaller than was thought. */
  #thin(): void {
    this.#bits++
    this.#ghosts = this.#ghostCaches()
    this.#requests = 0
  }

  #compare(): void {
    let [best, live]: (Ghost | undefined)[] = []
    for (const ghost of this.#ghosts) {
      const rate = ghost.hits / this.#requests
      ghost.score = ghost.score === undefined ? rate : ghost.score * decay + rate * (1 - decay)
      ghost.hits = 0
      if (best?.score === undefined || ghost.score > best.score) best = ghost
      if (ghost.candidate === this.#live) live = ghost
    }
    this.#requests = 0
    if (best?.score === undefined || live?.score === undefined || this.#former !== undefined) return
    if (best.score < live.score + margin) {
      this.#led = 0
      return
    }
    this.#led = best.candidate === this.#leader ? this.#led + 1 : 1
    this.#leader = best.candidate
    if (this.#led >= rounds) this.#change(best.candidate)
  }

  #change(candidate: Candidate): void {
    this.#former = this.#order
    this.#order = orderOf(candidate, this.#capacity)
    this.#live = candidate
    this.#generation++
    this.#changes++
    this.#led = 0
  }

  /** Takes those who would leave first before the others, so that they stay in order. */
  #move(): void {
    for (let i = 0; i < movesEach && this.#former !== undefined; i++) {
      const resident = this.#former.next()
      if (resident === undefined) {
        this.#former = undefined
        return
      }
      resident.order = this.#generation
      resident.uses = 0
      resident.at = 0
      this.#order.meet(resident)
      this.#order.enter(resident)
    }
  }
}
