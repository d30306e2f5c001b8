import { type Duration, parseDuration } from '@millrace/core'

/** What a handler says of the reply that it is making. */
export class Speech {
  tags: string[] | undefined
  /** Milliseconds. */
  life: number | undefined
  skipped = false

  /** `purge({ tag })` finds the reply by these too. */
  tag(...names: readonly string[]): this {
    this.tags = [...(this.tags ?? []), ...names]
    return this
  }

  /**
   * How long this reply is fresh, over the rule's own word.
   *
   * @throws RangeError when it is no duration
   */
  ttl(time: Duration): this {
    const life = parseDuration(time)
    if (life === undefined) {
      throw new RangeError(
        `ttl: expected a duration such as "5m" or 300 (seconds), got ${JSON.stringify(time)}`,
      )
    }
    this.life = life
    return this
  }

  /** This reply is not kept. */
  skip(): this {
    this.skipped = true
    return this
  }
}

const speeches = new WeakMap<object, Speech>()

/** The host's request, whichever of its objects is at hand: Express's `req`, Koa's `ctx`. */
const requestOf = (native: object): object =>
  'req' in native && typeof native.req === 'object' && native.req !== null ? native.req : native

/**
 * What a handler says of its reply: `cacheOf(req).tag('city:5').ttl('1m')` in Express, `cacheOf(ctx)` in Koa. It has to
 * be said before the head of the reply goes out, and is heard where a `cache` rule holds.
 */
export const cacheOf = (native: object): Speech => {
  const request = requestOf(native)
  let speech = speeches.get(request)
  if (speech === undefined) {
    speech = new Speech()
    speeches.set(request, speech)
  }
  return speech
}

/** What was said; undefined when nothing was. */
export const speechOf = (native: unknown): Speech | undefined =>
  typeof native === 'object' && native !== null ? speeches.get(requestOf(native)) : undefined
