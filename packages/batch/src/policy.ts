/** How far a size may go, and what it is to hold. */
export interface SizeBounds {
  readonly min: number
  readonly max: number
  /** Milliseconds that a batch may take. */
  readonly target: number
}

/** Full batches by which a size is judged, one of which may have met a pause of the process: on the way up, and from then on. */
const few = 2
const enough = 5
/** What a size grows by when it is near to the best one. */
const settled = 1.1
/** How many such looks after the target was missed it is not gone near to. */
const rest = 10
/** The share by which the time for an item has to differ from that at the last size to count. */
const tolerance = 0.02
/** How much of what the target allows is used after it was missed. */
const headroom = 0.95

/**
 * How many items a batch takes, by how long batches took. Over the target it shrinks, to what would have held it; under it
 * it grows, twofold until it has once gone too far and by a tenth from then on, for as long as an item gets no dearer by
 * it. So it finds the best size also where a batch that is too large costs more for each item (the search for a size under
 * a latency objective is Clipper's, NSDI 2017, section 4.3).
 */
export class AdaptiveSize {
  readonly #bounds: SizeBounds
  #size: number
  #growth = 2
  #isGrowing = true
  #caution = 0
  /** Of this size, so far. */
  #batches = 0
  #took = 0
  /** Milliseconds for an item at the size before; undefined where there is nothing to compare with. */
  #costBefore: number | undefined

  /** It begins with the least size. */
  constructor(bounds: SizeBounds) {
    this.#bounds = bounds
    this.#size = bounds.min
  }

  /** Items for the next batch: whole, and within the bounds. */
  get size(): number {
    return this.#size
  }

  /**
   * A batch has come back.
   *
   * @param duration in milliseconds
   */
  record(items: number, duration: number): void {
    const { target } = this.#bounds
    // Three times too long needs no second look.
    if (duration > target * 3) this.#shrink(items, duration)
    else if (items < this.#size) {
      // What was not full says nothing of this size, but that a smaller one is too large already.
      if (duration > target) this.#shrink(items, duration)
    } else {
      this.#took += duration
      if (++this.#batches >= (this.#growth > settled ? few : enough)) this.#judge(this.#took / this.#batches)
    }
  }

  #judge(duration: number): void {
    const size = this.#size
    if (duration > this.#bounds.target) {
      this.#shrink(size, duration)
      return
    }
    const cost = duration / size
    const before = this.#costBefore
    // What makes no difference is taken for reason to grow.
    const isWrong =
      before !== undefined &&
      (this.#isGrowing ? cost > before * (1 + tolerance) : cost > before * (1 - tolerance))
    if (isWrong) {
      this.#isGrowing = !this.#isGrowing
      this.#growth = settled
    }
    const step = size * (this.#growth - 1)
    if (!this.#isGrowing) this.#become(size - Math.max(1, Math.floor(step)), cost)
    else {
      const isCareful = this.#caution-- > 0
      // Not by more than there is room for if all of the time goes by the items.
      const room = (this.#bounds.target * (isCareful ? headroom : 1)) / duration - 1
      const change = Math.floor(Math.min(step, size * room))
      this.#become(size + (isCareful ? Math.max(0, change) : Math.max(1, change)), cost)
    }
  }

  #shrink(items: number, duration: number): void {
    this.#growth = settled
    this.#isGrowing = true
    this.#caution = rest
    const share = Math.max(0.5, (headroom * this.#bounds.target) / duration)
    this.#become(Math.floor(Math.min(items, this.#size) * share), undefined)
  }

  #become(size: number, cost: number | undefined): void {
    const { min, max } = this.#bounds
    const next = Math.min(max, Math.max(min, size))
    // At a bound there is nothing to compare with.
    this.#costBefore = next === this.#size ? undefined : cost
    if (next === this.#size && next === min) this.#isGrowing = true
    this.#size = next
    this.#batches = 0
    this.#took = 0
  }
}

/** How far a window may go, and what it is to hold. Milliseconds. */
export interface WindowBounds {
  readonly min: number
  readonly max: number
  /** From a load to its result, for who came first. */
  readonly target: number
}

/**
 * How long a batch waits for more: half as long when who came first has waited longer than the target, and a sixteenth
 * of the way longer when not (additive increase, multiplicative decrease).
 */
export class AdaptiveWindow {
  readonly #bounds: WindowBounds
  #length: number

  /** It begins with the shortest. */
  constructor(bounds: WindowBounds) {
    this.#bounds = bounds
    this.#length = bounds.min
  }

  /** Milliseconds. */
  get length(): number {
    return this.#length
  }

  /**
   * A batch has come back.
   *
   * @param latency milliseconds since its first load
   * @param isFull whether it went before its window was over: a longer one would have been no different
   */
  record(latency: number, isFull: boolean): void {
    const { min, max, target } = this.#bounds
    if (latency > target) this.#length = Math.max(min, this.#length / 2)
    else if (!isFull) this.#length = Math.min(max, this.#length + (max - min) / 16)
  }
}

/** How long to wait before a batch that has failed is tried again. Milliseconds. */
export interface Backoff {
  readonly delay: number
  readonly max: number
}

/**
 * Twice as long each time, and of that between a half and all, so that those who failed together do not come back together.
 *
 * @param retry 1 for the first
 * @param random from 0 to 1
 */
export const backoff = ({ delay, max }: Backoff, retry: number, random: number): number =>
  Math.min(max, delay * 2 ** (retry - 1)) * (0.5 + random / 2)
