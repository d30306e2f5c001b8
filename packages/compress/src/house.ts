import type { Exchange, Reply } from '@millrace/core'
import type { Dictionaries } from './dictionaries.ts'
import { type Decoded, decoded, type Encoded, encoded, refused, skipped } from './events.ts'
import type { Load } from './load.ts'
import type { Skip } from './policy.ts'
import type { Refusal } from './request-policy.ts'
import type { SameBodies } from './same-bodies.ts'
import { Siblings } from './siblings.ts'

/** What all routes have in common. */
export class House {
  readonly same: SameBodies | undefined
  readonly load: Load | undefined
  readonly dictionaries: Dictionaries
  /** A whole number from 0 to `most`. */
  readonly random: (most: number) => number
  readonly siblings: Siblings = new Siblings()
  readonly #counts = { encoded: 0, bytesIn: 0, bytesOut: 0 }
  readonly #skips = new Map<Skip, number>()
  readonly #requests = { decoded: 0, bytesIn: 0, bytesOut: 0 }
  readonly #refusals = new Map<Refusal, number>()

  constructor(
    same: SameBodies | undefined,
    load: Load | undefined,
    dictionaries: Dictionaries,
    random: (most: number) => number,
  ) {
    this.random = random
    this.dictionaries = dictionaries
    this.same = same
    this.load = load
  }

  encoded(event: Omit<Encoded, 'route'>): void {
    this.#counts.encoded++
    this.#counts.bytesIn += event.bytesIn
    this.#counts.bytesOut += event.bytesOut
    // Some hosts have to look for the route.
    if (encoded.hasSubscribers) encoded.publish({ ...event, route: event.exchange.route })
  }

  skipped(exchange: Exchange, reply: Reply, why: Skip): Reply {
    this.#skips.set(why, (this.#skips.get(why) ?? 0) + 1)
    if (skipped.hasSubscribers) skipped.publish({ exchange, route: exchange.route, why })
    return reply
  }

  decoded(event: Omit<Decoded, 'route'>): void {
    this.#requests.decoded++
    this.#requests.bytesIn += event.bytesIn
    this.#requests.bytesOut += event.bytesOut
    if (decoded.hasSubscribers) decoded.publish({ ...event, route: event.exchange.route })
  }

  refused(exchange: Exchange, why: Refusal): void {
    this.#refusals.set(why, (this.#refusals.get(why) ?? 0) + 1)
    if (refused.hasSubscribers) refused.publish({ exchange, route: exchange.route, why })
  }

  inspect(): unknown {
    return {
      ...this.#counts,
      skipped: Object.fromEntries(this.#skips),
      dictionaries: this.dictionaries.inspect(),
      requests: { ...this.#requests, refused: Object.fromEntries(this.#refusals) },
      strain: this.load?.strain ?? 0,
      ...(this.same && { memo: this.same.inspect() }),
    }
  }
}
