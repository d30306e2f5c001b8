import { type Clock, type Exchange, type Reply, reply } from '@millrace/core'
import { pause } from '../pause.ts'
import { ChaosError } from './error.ts'
import { type Fault, injected } from './events.ts'
import type { Rule } from './rule.ts'
import { seeded } from './seeded.ts'

/** What can be done with faults of any kind, before the work. */
type Faults = Omit<Rule<unknown>, 'only'>

/** Rolls the dice for all routes and calls, and counts. */
export class Dice {
  readonly seed: number
  readonly random: () => number
  readonly #counts: Record<Fault, number> = { latency: 0, error: 0, abort: 0, garbage: 0 }

  constructor(seed: number) {
    this.seed = seed
    this.random = seeded(seed)
  }

  hits(rate: number): boolean {
    return rate > 0 && this.random() < rate
  }

  told(fault: Fault, at: string, exchange: Exchange | undefined, latency?: number): void {
    this.#counts[fault]++
    if (injected.hasSubscribers) injected.publish({ at, fault, exchange, latency })
  }

  /**
   * What happens before the work begins.
   *
   * @returns whether the connection is to be cut
   * @throws ChaosError
   */
  async before(
    { latency, error, abort }: Faults,
    clock: Clock,
    at: string,
    work: { readonly signal: AbortSignal },
    exchange: Exchange | undefined,
  ): Promise<boolean> {
    if (this.hits(latency.rate)) {
      const ms = latency.min + this.random() * (latency.max - latency.min)
      this.told('latency', at, exchange, ms)
      await pause(clock, ms, work.signal)
    }
    if (this.hits(error.rate)) {
      this.told('error', at, exchange)
      throw new ChaosError(`${at} failed on purpose`, error.status)
    }
    const isCut = this.hits(abort)
    if (isCut) this.told('abort', at, exchange)
    return isCut
  }

  inspect(): object {
    return { seed: this.seed, ...this.#counts }
  }
}

/** A reply whose body breaks off at once: the only way to cut a connection that every host knows. */
export const cut = (at: string): Reply => reply(200, {}, broken(at))

async function* broken(at: string): AsyncIterable<Uint8Array> {
  yield await Promise.reject<Uint8Array>(
    new ChaosError(`the connection of ${at} was cut on purpose`, 500, 'ECONNRESET'),
  )
}
