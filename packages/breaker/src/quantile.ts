/** The shortest latency that is told from shorter ones, in milliseconds; the longest is about four minutes. */
const shortest = 0.05
/** How much one bucket's bound is above the last one's: what an answer may be too high by. */
const growth = 1.1
const buckets = 161
/** When so many have been counted, each counts half from then on. */
const most = 2000

const bucketOf = (latency: number): number =>
  latency <= shortest ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(latency / shortest) / Math.log(growth)))

/** How long something took of late: counts by buckets of a tenth's width, in which older ones fade. 1.3 kB. */
export class Latencies {
  readonly #counts = new Float64Array(buckets)
  #total = 0

  /** How many are known; of older ones a part. */
  get total(): number {
    return this.#total
  }

  /** @param latency milliseconds */
  record(latency: number): void {
    const bucket = bucketOf(latency)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
    if (this.#total >= most) this.#fade()
  }

  /**
   * @param quantile from 0 to 1: 0.95 is for the latency that 95 of 100 do not exceed
   * @returns milliseconds, up to a tenth too high; 0 when nothing is known
   */
  quantile(quantile: number): number {
    // At least one, and rounding must not ask for more than there are.
    const rank = Math.max(Number.MIN_VALUE, quantile * this.#total)
    let seen = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      seen += this.#counts[bucket] ?? 0
      if (seen >= rank * (1 - Number.EPSILON)) return shortest * growth ** bucket
    }
    return 0
  }

  #fade(): void {
    for (let bucket = 0; bucket < buckets; bucket++) this.#counts[bucket] = (this.#counts[bucket] ?? 0) / 2
    this.#total /= 2
  }
}
