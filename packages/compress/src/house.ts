import type { Exchange, Reply } from '@millrace/core'
import { type Encoded, encoded, skipped } from './events.ts'
import type { Load } from './load.ts'
import type { Skip } from './policy.ts'
import type { SameBodies } from './same-bodies.ts'

/** What all routes have in common. */
export class House {
  readonly same: SameBodies | undefined
  readonly load: Load | undefined
  readonly #counts = { encoded: 0, bytesIn: 0, bytesOut: 0 }
  readonly #skips = new Map<Skip, number>()

  constructor(same: SameBodies | undefined, load: Load | undefined) {
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

  inspect(): unknown {
    return {
      ...this.#counts,
      skipped: Object.fromEntries(this.#skips),
      strain: this.load?.strain ?? 0,
      ...(this.same && { memo: this.same.inspect() }),
    }
  }
}
